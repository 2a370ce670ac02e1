"""A late pattern does what a compiled one does, and is compiled once, when it is used."""

import re

from tapejit.core.patterns import pattern


def test_methods_are_those_of_the_pattern():
    late, now = pattern(r"^(\w)=", re.MULTILINE), re.compile(r"^(\w)=", re.MULTILINE)
    text = "a=1\nb=2"
    assert late.findall(text) == now.findall(text) == ["a", "b"]
    assert late.sub("_", text) == now.sub("_", text)
    assert late.search(text, 1).span() == now.search(text, 1).span()


def test_it_is_compiled_when_it_is_used_and_once(monkeypatch):
    compiled = []
    compile = re.compile
    monkeypatch.setattr(re, "compile", lambda *a: compiled.append(a) or compile(*a))
    late = pattern("a+")
    assert not compiled
    assert [late.findall("baab") for _ in range(3)] == [["aa"]] * 3
    assert compiled == [("a+", 0)]
