"""Cards escape what files say."""

from __future__ import annotations

from immunoprofile.core import card_html, card_text, clean
from immunoprofile.core.flags import join_flags, split_flags


def test_control_characters_are_shown_and_not_acted_on():
    assert clean("a\x1b[31m\u202eb") == "a\\x1b[31m\\u202eb"


def test_html_of_a_channel_name_is_text():
    html = card_html(
        "Sample <script>alert(1)</script>", [("label", "<img src=x onerror=y>")], following="x < y"
    )
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "x &lt; y" in html


def test_the_plain_card_is_at_most_six_lines():
    text = card_text("Sample a", [(str(i), i) for i in range(9)], following="next()")
    assert len(text.splitlines()) == 6


def test_flags_are_sorted_and_without_repeats():
    assert join_flags(["B", "A"], "A;C", None, "") == "A;B;C"
    assert split_flags("A;B") == ("A", "B")
    assert split_flags("") == ()
