"""Jupyter's own tests of a kernel, for eqlab: `pip install jupyter_kernel_test`, build, then `python test/kernel/jupyter_kernel_test_eqlab.py`.

The kernel is taken from this folder, not from what is installed: a kernelspec is written to a temporary folder.
"""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import jupyter_kernel_test

ROOT = Path(__file__).resolve().parents[2]


class EqlabKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "eqlab-test"
    language_name = "typescript"
    file_extension = ".ts"

    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oh no')"
    completion_samples = [
        {"text": "let answer: number = 4; answer.toF", "matches": {"toFixed"}},
        {"text": "JSON.pars", "matches": {"parse"}},
        {"text": "'😀'.padSt", "matches": {"padStart"}},
    ]
    complete_code_samples = ["1 + 1", "let x: number = 1", "function f() {\n  return 1;\n}", "await Promise.resolve(1)", "// only words", ""]
    incomplete_code_samples = ["function f() {", "const text = `one\n", "foo(1,", "/* words", "if (1) {"]
    invalid_code_samples = ["let 1x = 2", "1 +* 2", "foo)", "const = 3"]
    code_generate_error = "throw new RangeError('wanted')"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "'text'.length as number", "result": "4"},
        {"code": "await Promise.resolve(2 ** 10)", "result": "1024"},
        {"code": "6 * 7;", "result": "42"},
    ]
    code_display_data = [
        {"code": "html`<b>bold</b>`, display(html`<b>bold</b>`)", "mime": "text/html"},
        {"code": "display(md`**bold**`)", "mime": "text/markdown"},
        {"code": "display({ 'image/svg+xml': '<svg/>' }, { raw: true })", "mime": "image/svg+xml"},
    ]
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "JSON.parse"
    code_clear_output = "clearOutput()"

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="eqlab-kernel-test-")
        folder = Path(cls.data, "kernels", cls.kernel_name)
        folder.mkdir(parents=True)
        spec = {
            "argv": ["node", str(ROOT / "kernels" / "eqlab" / "launch.mjs"), "{connection_file}"],
            "display_name": "eqlab",
            "language": "typescript",
            "interrupt_mode": "message",
        }
        (folder / "kernel.json").write_text(json.dumps(spec))
        os.environ["JUPYTER_PATH"] = cls.data
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.data)


if __name__ == "__main__":
    unittest.main()
