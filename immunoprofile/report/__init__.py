"""report: one self-contained report.html from tables and pictures."""

from immunoprofile.report._report import report_html, write_report

__all__ = ["report_html", "write_report"]
