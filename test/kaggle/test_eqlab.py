"""The bridge against the project's own kernel: what a notebook on Kaggle relies on.

Run by stand_in.sh after bootstrap.sh has installed the kernel: python -m unittest test_eqlab
"""

import os
import tempfile
import time
import unittest

from front_end import FrontEnd


class WithKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.front = FrontEnd(HF_TOKEN="hf_verysecret123")
        started = cls.front.run(f"%load_ext eqlab_bridge\n%ts_start --cwd {os.environ.get('EQLAB_CELLS', os.getcwd())} --secret HF_TOKEN\n%ts_mode on")
        assert started.reply["status"] == "ok", started.outputs
        # Types are read beside the first cells, which do not wait for them: an error may come after its cell.
        end = time.monotonic() + 30
        while "TS2322" not in cls.front.run("{ const cold: string = 1; }").text("stderr"):
            assert time.monotonic() < end, "types: expected them to be read within 30 s"
            time.sleep(0.5)

    @classmethod
    def tearDownClass(cls):
        cls.front.close()

    def value(self, code, **options):
        return self.front.run(code, **options).of("execute_result")[0]["data"]["text/plain"]


class Cells(WithKernel):
    def test_variables_live_on_and_closures_see_them_change(self):
        self.front.run("let temperature: number = 0.7;\nfunction sample() { return temperature }")
        self.assertEqual(self.value("temperature = 1.5; sample()"), "1.5")

    def test_the_traceback_is_the_typescript_one(self):
        shown = self.front.run('function rank(r: number) {\n  throw new RangeError("rank: expected 1 or more");\n}\nrank(0);')
        (error,) = shown.of("error")
        self.assertEqual((error["ename"], error["evalue"]), ("RangeError", "rank: expected 1 or more"))
        text = "\n".join(error["traceback"])
        self.assertIn(":2:", text)
        for foreign in ("eqlab_bridge", "dist/kernel", "Traceback (most recent call last)"):
            self.assertNotIn(foreign, text)

    def test_a_type_error_is_shown_and_a_syntax_error_fails_the_cell(self):
        shown = self.front.run("const n: string = 3;\nn")
        self.assertIn("TS2322", shown.text("stderr"))
        self.assertEqual(shown.reply["status"], "ok")
        self.assertEqual(self.front.run("let z = ;").reply["ename"], "SyntaxError")

    def test_values_go_there_and_back(self):
        self.front.run("%ts_set rows=[{'a': 1, 'b': 'x\\u2028\"`${y}'}, 3.5, None]")
        self.assertEqual(self.value("rows.length"), "3")
        self.front.run("%%py\nback = %ts_get rows")
        self.assertEqual(self.value("%%py\nback == [{'a': 1, 'b': 'x\\u2028\"`${y}'}, 3.5, None]"), "True")
        self.front.run("%%py\nlarge = list(range(50_000))\n%ts_set large=large")
        self.assertEqual(self.value("large[49_999]"), "49999")
        self.assertEqual(self.value("%%py\ngot = %ts_get ({t: new Float32Array([1, 2]), big: 10n})\ngot"), "{'t': [1, 2], 'big': '10'}")
        self.assertEqual(self.front.run("%ts_get noSuchName").reply["status"], "error")
        self.assertIn("JSON", self.front.run("%ts_set f=print").reply["evalue"])

    def test_a_variable_that_was_set_has_a_type(self):
        self.front.run("%ts_set count=3")
        self.assertIn("TS", self.front.run('const text: string = count;').text("stderr"))

    def test_displays_and_updates(self):
        shown = self.front.run('const handle = display({ "text/html": "<b>1</b>", "text/plain": "1" }, { raw: true });\nhandle.update("two")')
        (first,), (second,) = shown.of("display_data"), shown.of("update_display_data")
        self.assertEqual(first["data"]["text/html"], "<b>1</b>")
        self.assertEqual(first["transient"]["display_id"], second["transient"]["display_id"])

    def test_the_secret_is_there_and_is_not_shown(self):
        shown = self.front.run("console.log(process.env.HF_TOKEN!.length, process.env.HF_TOKEN)")
        self.assertEqual(shown.text(), "16 [secret]\n")
        shown = self.front.run("throw new Error(`401 for ${process.env.HF_TOKEN}`)")
        self.assertNotIn("hf_verysecret123", str(shown.outputs) + str(shown.reply))

    def test_questions(self):
        shown = self.front.run('console.log(prompt("name?"), password("key?"))', answers=["Ada", "xyz"])
        self.assertEqual([(a["prompt"].strip(), a["password"]) for a in shown.of("input_request")], [("name?", False), ("key?", True)])
        self.assertEqual(shown.text(), "Ada xyz\n")
        self.assertEqual(self.value("1"), "1")

    def test_output_after_the_cell_belongs_to_the_cell(self):
        first = self.front.run('setTimeout(() => console.log("late"), 800);')
        self.front.run("2")
        self.assertEqual(self.front.after(first.request, "stream")["text"], "late\n")

    def test_a_hundred_thousand_lines(self):
        text = self.front.run("for (let i = 0; i < 100_000; i++) console.log(i)", seconds=120).text()
        self.assertEqual(text.splitlines(), [str(i) for i in range(100_000)])

    def test_completion_and_inspection(self):
        self.front.run("const empathy = { mass: 0.5, alignment: 0.3 }")
        reply = self.front.ask(self.front.client.complete, "empathy.al", 10)
        self.assertEqual((reply["matches"], reply["cursor_start"], reply["cursor_end"]), (["alignment"], 8, 10))
        self.assertIn("mass: number", str(self.front.ask(self.front.client.inspect, "empathy", 3)["data"]))

    def test_interrupts_keep_the_state(self):
        for loop in ("while (true) {}", "while (true) await new Promise((r) => setTimeout(r, 10));", 'prompt("never");'):
            began = time.monotonic()
            answers = [None] if "prompt" in loop else []
            shown = self.front.run(f"let kept = 7;\n{loop}", answers=answers, interrupt_after=None if answers else 0.7)
            self.assertEqual(shown.reply["ename"], "KeyboardInterrupt", loop)
            self.assertLess(time.monotonic() - began, 5, loop)
            self.assertEqual(self.value("kept"), "7", loop)


class Widgets(WithKernel):
    def test_moving_a_slider_runs_its_callback_and_draws_anew(self):
        shown = self.front.run(
            'const t = widgets.slider({ label: "temperature", min: 0, max: 10, value: 2 });\n'
            "widgets.interact({ t }, ({ t }) => `mix at ${t}`)"
        )
        opened = [m["content"] for m in shown.messages if m["header"]["msg_type"] == "comm_open"]
        slider = next(m for m in opened if m["data"]["state"].get("_model_name", "").endswith("SliderModel"))
        drawn = [part["data"] for part in shown.of("execute_result", "display_data")]
        self.assertTrue(any("application/vnd.jupyter.widget-view+json" in data for data in drawn), drawn)
        self.front.comm("comm_msg", {"comm_id": slider["comm_id"], "data": {"method": "update", "state": {"value": 7}, "buffer_paths": []}})
        end = time.monotonic() + 10
        while time.monotonic() < end and "mix at 7" not in str(self.front.late):
            try:
                self.front.late.append(self.front.client.get_iopub_msg(timeout=0.2))
            except Exception:
                pass
        drawn = [m for m in self.front.late if m["header"]["msg_type"] == "update_display_data" and "mix at 7" in str(m["content"])]
        self.assertTrue(drawn, "the drawing below the slider was not made anew")
        places = [m["content"].get("transient", {}).get("display_id") for m in shown.messages if m["header"]["msg_type"] == "display_data"]
        self.assertIn(drawn[0]["content"]["transient"]["display_id"], places)


class Ends(WithKernel):
    def test_a_dead_kernel_says_so(self):
        shown = self.front.run('console.log("before"); process.exit(3)')
        self.assertEqual(shown.text(), "before\n")
        self.assertIn("exit code 3", shown.reply["evalue"])
        self.assertIn("%ts_restart", self.front.run("1").reply["evalue"])
        self.assertEqual(self.front.run("%ts_restart").reply["status"], "ok")
        self.assertEqual(self.value("2"), "2")

    def test_files_are_found_from_the_folder_of_the_cells(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ts", dir=os.environ.get("EQLAB_CELLS", "."), delete=False) as file:
            file.write("export const four: number = 4;\n")
        try:
            self.assertEqual(self.value(f'import {{ four }} from "./{os.path.basename(file.name)}";\nfour'), "4")
            self.assertEqual(self.value('import * as lab from "eqlab";\ntypeof lab.runSettings'), "function")
        finally:
            os.unlink(file.name)


if __name__ == "__main__":
    unittest.main()
