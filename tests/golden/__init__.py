"""What covector prints, frozen after somebody has read it: known gradients, and whole derivations.

`known_forms.txt` holds forwards that everybody knows with their gradients, `derivations/` the derivations of
`programs.py`. ``python -m tests.golden.update`` writes both anew; what it changes shows in the difference and is read
before it is kept.
"""
