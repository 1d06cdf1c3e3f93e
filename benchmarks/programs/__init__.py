"""Programs as people write them: faulty ones with their mended form, after questions on forums and published fault benchmarks, and sound ones.

Whoever wrote them had not seen the rules. Each is a script of its own, in its author's style, with the writer's two lines; data are made up
or bundled with scikit-learn. `labels.json` beside them says what is wrong, which causes an expert would accept as its root, and where it comes from.
"""
