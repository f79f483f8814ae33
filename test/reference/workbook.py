"""Checks workbooks of ours with openpyxl and pandas, for test/files/workbook.test.ts.

usage: python workbook.py check FOLDER     compares FOLDER/*.xlsx with FOLDER/expected.json
"""

import json
import sys
from pathlib import Path

import openpyxl
import pandas

folder = Path(sys.argv[2])
for name, sheets in json.loads((folder / "expected.json").read_text()).items():
    workbook = openpyxl.load_workbook(folder / name)
    assert workbook.sheetnames == list(sheets)
    for title, rows in sheets.items():
        sheet = workbook[title]
        assert [[cell.value for cell in row] for row in sheet.iter_rows()] == rows
        kinds = {str: "s", bool: "b", int: "n", float: "n", type(None): "n"}
        assert all(cell.data_type == kinds[type(cell.value)] for row in sheet.iter_rows() for cell in row)
        assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref == sheet.dimensions and sheet["A1"].font.bold
        frame = pandas.read_excel(folder / name, sheet_name=title, keep_default_na=False, na_values=[])
        assert list(frame.columns) == rows[0] and frame[rows[0][0]].map(str).tolist() == [str(row[0]) for row in rows[1:]]
        print(f"{name}: {len(rows)} rows are equal")
