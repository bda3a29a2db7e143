"""The tables behind the pages' figures: what there is, what was asked for, and files of it.

The pages' files and `import ontogeny` take them from here, so that numbers cannot differ.
"""
