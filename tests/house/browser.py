"""A headless browser by its command line, and a page told by html.parser where there is none."""

from __future__ import annotations

import html
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--metrics-recording-only",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
    "--window-size=1400,900",
]
PROBE = """<script>(function () {
  var told = [], note = function (kind) { return function () { told.push(kind); show(); return true; }; };
  function show() { document.documentElement.setAttribute("data-probe", told.join(" ")); }
  ["alert", "confirm", "prompt", "open", "print"].forEach(function (name) { window[name] = note(name); });
  window.addEventListener("error", note("error"), true);
  window.addEventListener("unhandledrejection", note("rejection"));
  show();
})();</script>"""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


@dataclass(frozen=True)
class Shown:
    """What a browser made of a page."""

    dom: str
    probe: str
    console: list[str]
    requests: list[str]

    @property
    def text(self) -> str:
        return Page(self.dom).text


class Listener:
    """A proxy that answers nothing and remembers what was asked."""

    def __enter__(self):
        self.asked: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                with connection:
                    connection.settimeout(2)
                    self.asked.append(connection.recv(300).decode("latin-1").partition("\r")[0])
            except OSError:
                if self.socket.fileno() < 0:
                    return


def show(path: Path, folder: Path) -> Shown:
    """Open a page; whatever it asks of the network comes to a listener."""
    with Listener() as listener:
        command = [
            BROWSER,
            *FLAGS,
            f"--proxy-server=http://127.0.0.1:{listener.port}",
            "--proxy-bypass-list=<-loopback>",
        ]
        ended = subprocess.run(
            [*command, f"--user-data-dir={folder}", "--dump-dom", path.as_uri()],
            capture_output=True, timeout=90, check=False,
        )  # fmt: skip
        asked = list(listener.asked)
    dom = ended.stdout.decode("utf-8")
    console = [line for line in ended.stderr.decode("utf-8", "replace").splitlines() if ":CONSOLE" in line]
    probe = re.search(r'<html[^>]*data-probe="([^"]*)"', dom)
    own = [line for line in asked if "google" not in line and "gstatic" not in line]
    return Shown(dom, probe[1] if probe else "absent", console, own)


def without_policy(page: str) -> str:
    """Take the policy away, so that whatever slipped through would run, and watch."""
    return re.sub(r"<head>", "<head>" + PROBE, POLICY.sub("", page), count=1)


class Page(HTMLParser):
    """Tags, attributes, scripts, styles and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.comments: list[str] = []
        self._texts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self._inside = tag

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = ""

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        {"script": self.scripts, "style": self.styles}.get(self._inside, self._texts).append(data)

    @property
    def text(self) -> str:
        return "".join(self._texts)


def escaped(text: str) -> str:
    return html.escape(text)
