"""The bridge against a kernel that can do everything (IPython's, under the name `fake`): what a front end sees.

Run by stand_in.sh in each environment: python -m unittest test_bridge
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from front_end import HERE, FrontEnd, gone


class WithFake(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([sys.executable, os.path.join(HERE, "fake_kernel.py"), cls.folder.name], check=True)
        cls.front = FrontEnd(JUPYTER_PATH=cls.folder.name, HF_TOKEN="hf_verysecret123", OTHER="x")
        cls.run_cell = cls.front.run
        cls.front.run("%load_ext eqlab_bridge")
        cls.echo = cls.front.run("%ts_start --kernel fake --env COLOUR='dark red' --secret HF_TOKEN").text()

    @classmethod
    def tearDownClass(cls):
        cls.front.close()
        cls.folder.cleanup()

    def ts(self, code, **options):
        return self.front.run("%%ts\n" + code, **options)


class Relay(WithFake):
    def test_streams_arrive_in_order_and_live(self):
        shown = self.ts("import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr, flush=True)\nprint('c')")
        kinds = [(kind, content["name"], content["text"]) for kind, content in shown.outputs]
        self.assertEqual("".join(text for *_, text in kinds).replace("\n", ""), "abc")
        self.assertEqual([name for _, name, text in kinds if text.strip()], ["stdout", "stderr", "stdout"])

    def test_a_result_carries_the_notebooks_own_number(self):
        shown = self.ts("6 * 7")
        (result,) = shown.of("execute_result")
        self.assertEqual(result["data"]["text/plain"], "42")
        self.assertEqual(result["execution_count"], shown.reply["execution_count"])

    def test_displays_keep_all_mime_types_and_updates_reach_them(self):
        shown = self.ts(
            "from IPython.display import *\n"
            "h = display({'text/html': '<b>1</b>', 'application/x-own+json': {'a': [1]}}, raw=True, display_id='d1')\n"
            "update_display({'text/html': '<b>2</b>'}, raw=True, display_id='d1')\n"
            "clear_output(wait=True)"
        )
        (first,) = shown.of("display_data")
        self.assertEqual(first["data"]["application/x-own+json"], {"a": [1]})
        self.assertEqual(first["transient"], {"display_id": "d1"})
        self.assertEqual(shown.of("update_display_data")[0]["transient"], {"display_id": "d1"})
        self.assertEqual(shown.of("clear_output"), [{"wait": True}])

    def test_a_failed_cell_fails_with_its_own_name_and_traceback(self):
        shown = self.ts("class RangeError(Exception): pass\nraise RangeError('rank: expected 1 or more, got 0')")
        (error,) = shown.of("error")
        self.assertEqual((error["ename"], error["evalue"]), ("RangeError", "rank: expected 1 or more, got 0"))
        self.assertEqual((shown.reply["status"], shown.reply["ename"]), ("error", "RangeError"))
        text = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))
        self.assertIn("raise RangeError", text)
        self.assertNotIn("eqlab_bridge", text)
        self.assertEqual(self.ts("print('on')").text(), "on\n")

    def test_output_after_the_cell_belongs_to_the_cell(self):
        first = self.ts("import threading\nthreading.Timer(.5, lambda: print('late')).start()")
        self.assertEqual(self.front.run("1").reply["status"], "ok")
        self.assertEqual(self.front.after(first.request, "stream")["text"].strip(), "late")

    def test_questions_are_asked_and_answered(self):
        shown = self.ts("import getpass\nprint(input('name? ') + getpass.getpass('key? '))", answers=["Ada", "xyz"])
        asked = shown.of("input_request")
        self.assertEqual([(a["prompt"], a["password"]) for a in asked], [("name? ", False), ("key? ", True)])
        self.assertEqual(shown.text(), "Adaxyz\n")

    def test_without_a_user_a_question_is_an_error(self):
        self.assertEqual(self.ts("input('name? ')").reply["ename"], "StdinNotImplementedError")

    def test_an_interrupt_stops_the_cell_and_keeps_its_state(self):
        began = time.monotonic()
        shown = self.ts("kept = 5\nimport time\nwhile True: time.sleep(.01)", interrupt_after=1)
        self.assertLess(time.monotonic() - began, 6)
        self.assertEqual(shown.reply["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ts("kept").of("execute_result")[0]["data"]["text/plain"], "5")

    def test_an_interrupt_stops_a_question(self):
        shown = self.ts("input('never')", answers=[None])
        self.assertEqual(shown.reply["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ts("print('on')").text(), "on\n")

    def test_ten_thousand_lines_all_arrive(self):
        text = self.ts("for i in range(10000): print(i)").text()
        self.assertEqual(text, "".join(f"{i}\n" for i in range(10000)))

    def test_prints_of_python_and_typescript_stay_in_order(self):
        shown = self.front.run("print('one', flush=False)\nget_ipython().run_cell_magic('ts', '', 'print(2)')\nprint('three')")
        self.assertEqual(shown.text(), "one\n2\nthree\n")


class Surroundings(WithFake):
    def test_secrets_and_variables_reach_the_kernel_and_are_not_printed(self):
        self.assertIn("HF_TOKEN", self.echo)
        self.assertNotIn("hf_verysecret123", self.echo)
        self.assertNotIn("dark red", self.echo)
        shown = self.ts("import os\nprint(len(os.environ['HF_TOKEN']), os.environ['COLOUR'], os.environ['FROM_SPEC'])")
        self.assertEqual(shown.text(), "16 dark red yes\n")
        shown = self.ts("print(os.environ['HF_TOKEN']); os.environ['HF_TOKEN']; raise ValueError(os.environ['HF_TOKEN'])")
        self.assertNotIn("hf_verysecret123", str(shown.outputs) + str(shown.reply))
        self.assertIn("[secret]", shown.text())

    def test_a_missing_secret_is_an_error_that_says_what_to_do(self):
        shown = self.front.run("%ts_start --kernel fake --secret NO_SUCH_SECRET")
        self.assertEqual(shown.reply["status"], "error")
        self.assertIn("Add-ons > Secrets", shown.reply["evalue"])
        self.front.run("%ts_start --kernel fake --secret HF_TOKEN --env COLOUR='dark red'")

    def test_kaggles_secrets_are_read_where_they_are(self):
        self.front.run(
            "import sys, types\nm = types.ModuleType('kaggle_secrets')\n"
            "class UserSecretsClient:\n    def get_secret(self, name): return 'kaggle-' + name\n"
            "m.UserSecretsClient = UserSecretsClient\nsys.modules['kaggle_secrets'] = m"
        )
        self.front.run("%ts_start --kernel fake --secret WANDB")
        self.assertEqual(self.ts("import os\nprint(len(os.environ['WANDB']))").text(), "12\n")
        self.front.run("del sys.modules['kaggle_secrets']")
        self.front.run("%ts_start --kernel fake --secret HF_TOKEN --env COLOUR='dark red'")

    def test_wrong_options_are_named(self):
        for line, part in {
            "%ts_start --kernel none-such": "bootstrap.sh",
            "%ts_start --env broken": "NAME=value",
            "%ts_start --colour": "unrecognized",
            "%ts_start --cwd /none/such": "folder",
            "%ts_mode maybe": "on or off",
            "%ts_set 3=4": "name=expression",
        }.items():
            shown = self.front.run(line)
            self.assertEqual(shown.reply["status"], "error", line)
            self.assertIn(part, shown.reply["evalue"], line)
            self.assertNotIn("Traceback", "".join(shown.reply["traceback"]), line)
        self.front.run("%ts_start --kernel fake --secret HF_TOKEN --env COLOUR='dark red'")

    def test_the_kernel_starts_in_the_folder_that_is_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            self.front.run(f"%ts_start --kernel fake --cwd {folder}")
            self.assertEqual(self.ts("import os\nprint(os.getcwd())").text().strip(), os.path.realpath(folder))
        self.front.run("%ts_start --kernel fake --secret HF_TOKEN --env COLOUR='dark red'")


class Mode(WithFake):
    def setUp(self):
        self.front.run("%ts_mode on")

    def tearDown(self):
        self.front.run("%ts_mode off")

    def test_every_cell_goes_to_typescript_and_py_escapes(self):
        self.front.run("\n\nwhere = 'there'  # not a comment marker")
        self.assertEqual(self.front.run("%%py\n'where' in globals()").of("execute_result")[0]["data"]["text/plain"], "False")
        self.assertEqual(self.front.run("print(where)").text(), "there\n")
        self.assertEqual(self.front.run("!echo shell").text().strip(), "shell")
        self.assertEqual(self.front.run("%env OTHER").of("execute_result")[0]["data"]["text/plain"], "'x'")

    def test_a_cell_arrives_as_it_was_written(self):
        code = "text = '''>>> a\n  b\n... c\n    \\\\n {x} %d $y !z \"\"\" ?'''\nprint(text)"
        self.assertEqual(self.front.run(code).text(), ">>> a\n  b\n... c\n    \\n {x} %d $y !z \"\"\" ?\n")

    def test_programs_that_look_in_unseen_speak_python(self):
        shown = self.front.run("__unseen = [1 for _ in get_ipython().user_ns]", store_history=False)
        self.assertEqual(shown.reply["status"], "ok")
        self.assertEqual(self.front.run("%%py\n__unseen[0]").of("execute_result")[0]["data"]["text/plain"], "1")

    def test_completion_and_inspection_are_the_kernels(self):
        self.front.run("temperature = 0.7\ndef empathy():\n    'the mass'")
        reply = self.front.ask(self.front.client.complete, "1 + tempera", 11)
        self.assertEqual((reply["matches"], reply["cursor_start"], reply["cursor_end"]), (["temperature"], 4, 11))
        reply = self.front.ask(self.front.client.inspect, "empathy", 3)
        self.assertTrue(reply["found"])
        self.assertIn("the mass", reply["data"]["text/plain"])
        self.front.run("%ts_mode off")
        self.assertNotIn("temperature", self.front.ask(self.front.client.complete, "tempera", 7)["matches"])
        reply = self.front.ask(self.front.client.complete, "%%ts\ntempera", 12)
        self.assertEqual((reply["matches"], reply["cursor_start"], reply["cursor_end"]), (["temperature"], 5, 12))
        self.assertIn("%ts_set", self.front.ask(self.front.client.complete, "%ts_se", 6)["matches"])
        self.assertTrue(self.front.ask(self.front.client.inspect, "print", 3)["found"])

    def test_time_runs_what_it_times_in_typescript(self):
        self.front.run("there = 1")
        self.assertIn("Wall time", self.front.run("%time print(there)").text())


class Comms(WithFake):
    def test_comms_go_both_ways_with_buffers(self):
        shown = self.ts(
            "from ipykernel.comm import Comm\n"
            "c = Comm(target_name='eq.test', data={'a': 1}, buffers=[b'xyz'])\n"
            "def heard(m): c.send({'got': m['content']['data'], 'n': len(m['buffers']), 'b': bytes(m['buffers'][0]).decode()}, buffers=[b'back'])\n"
            "c.on_msg(heard)"
        )
        opened = next(m for m in shown.messages if m["header"]["msg_type"] == "comm_open")
        self.assertEqual((opened["content"]["target_name"], opened["content"]["data"]), ("eq.test", {"a": 1}))
        self.assertEqual([bytes(b) for b in opened["buffers"]], [b"xyz"])
        comm = opened["content"]["comm_id"]
        self.assertIn(comm, self.front.ask(self.front.client.comm_info)["comms"])
        request = self.front.comm("comm_msg", {"comm_id": comm, "data": {"move": 7}}, buffers=[b"bin"])
        back = self.front.after(request, "comm_msg")
        self.assertEqual(back["data"], {"got": {"move": 7}, "n": 1, "b": "bin"})
        self.ts("c.close()")
        self.assertNotIn(comm, self.front.ask(self.front.client.comm_info)["comms"])

    def test_output_of_a_comm_callback_belongs_to_the_message(self):
        shown = self.ts("from ipykernel.comm import Comm\nk = Comm(target_name='t')\nk.on_msg(lambda m: print('heard', m['content']['data']))")
        comm = shown.of("comm_open")[0]["comm_id"]
        request = self.front.comm("comm_msg", {"comm_id": comm, "data": 1})
        self.assertEqual(self.front.after(request, "stream")["text"].strip(), "heard 1")

    def test_a_comm_that_the_front_end_opens_reaches_the_kernel(self):
        self.ts("get_ipython().kernel.comm_manager.register_target('there', lambda c, m: c.send({'hello': m['content']['data']}))")
        request = self.front.comm("comm_open", {"comm_id": "from-front", "target_name": "there", "data": 3})
        self.assertEqual(self.front.after(request, "comm_msg")["data"], {"hello": 3})

    def test_widgets_update_and_captured_output_finds_its_cell(self):
        shown = self.ts("import ipywidgets as w\ns = w.IntSlider()\no = w.Output()\ns.observe(lambda c: print('value', c.new), 'value')")
        models = [m["content"] for m in shown.messages if m["header"]["msg_type"] == "comm_open"]
        slider = next(m["comm_id"] for m in models if m["data"]["state"].get("_model_name") == "IntSliderModel")
        request = self.front.comm("comm_msg", {"comm_id": slider, "data": {"method": "update", "state": {"value": 42}, "buffer_paths": []}})
        self.assertEqual(self.front.after(request, "stream")["text"].strip(), "value 42")
        shown = self.ts("with o: print('inside')")
        ids = [m["data"]["state"]["msg_id"] for m in shown.of("comm_msg") if "msg_id" in m["data"].get("state", {})]
        self.assertEqual(ids, [shown.request, ""])


class Life(WithFake):
    def pid(self):
        return int(self.ts("import os\nprint(os.getpid())").text())

    def test_a_dead_kernel_says_how_it_died_and_what_to_do(self):
        for how, words in {"os._exit(3)": "exit code 3", "os.kill(os.getpid(), 9)": "SIGKILL (out of memory, most likely)"}.items():
            shown = self.ts(f"import os\nprint('before', flush=True)\nimport time; time.sleep(.3)\n{how}")
            self.assertEqual(shown.text(), "before\n")
            self.assertIn(words, shown.reply["evalue"])
            self.assertIn("%ts_restart", shown.reply["evalue"])
            self.assertIn("dead", self.ts("1").reply["evalue"])
            self.assertEqual(self.front.run("%ts_restart").reply["status"], "ok")
            self.assertEqual(self.ts("print('on')").text(), "on\n")

    def test_restart_and_stop_leave_no_process(self):
        first = self.pid()
        self.front.run("%ts_restart")
        self.assertTrue(gone(first))
        second = self.pid()
        self.front.run("%ts_stop")
        self.assertTrue(gone(second))
        self.assertIn("%ts_restart", self.ts("1").reply["evalue"])
        self.front.run("%ts_restart")

    def test_ts_interrupt_works_between_cells(self):
        self.assertEqual(self.front.run("%ts_interrupt").reply["status"], "ok")
        time.sleep(0.3)
        self.assertEqual(self.ts("print('on')").text(), "on\n")

    def test_reloading_ends_the_kernel_and_gives_python_its_own_back(self):
        pid = self.pid()
        self.assertEqual(self.front.run("%reload_ext eqlab_bridge").reply["status"], "ok")
        self.assertTrue(gone(pid))
        self.front.run("%unload_ext eqlab_bridge")
        self.addCleanup(self.front.run, "%load_ext eqlab_bridge\n%ts_start --kernel fake")
        self.assertIn("print", self.front.ask(self.front.client.complete, "prin", 4)["matches"])

    def end_of_python(self, how):
        front = FrontEnd(JUPYTER_PATH=self.folder.name)
        front.run("%load_ext eqlab_bridge\n%ts_start --kernel fake")
        pid = int(front.run("%%ts\nimport os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(os.getpid())").text())
        child = int(front.run("%%ts\nimport subprocess\np = subprocess.Popen(['sleep', '600'])\nprint(p.pid)").text())
        how(front)
        self.assertTrue(gone(pid), "the kernel outlived Python")
        self.assertTrue(gone(child), "a child of the kernel outlived Python")

    def test_the_kernel_ends_when_python_is_shut_down(self):
        self.end_of_python(lambda front: front.close())

    def test_the_kernel_ends_when_python_is_killed(self):
        def kill(front):
            pid = int(front.run("import os\nprint(os.getpid())").text())
            os.kill(pid, signal.SIGKILL)
            front.client.stop_channels()

        self.end_of_python(kill)


if __name__ == "__main__":
    unittest.main()
