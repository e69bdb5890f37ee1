"""Admission: every rule that a complete site must or should follow.

One module per noun; each holds small check functions that `rule_book.rule` turns into rules, and a tuple `RULES`.
`admit.py` runs them: references first, because every other rule follows them.

In: `Site`. Out: findings. Next: `rule_book.py`, then `admit.py`.
"""
