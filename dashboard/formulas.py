"""The formulas of the guide as MathML, which browsers set themselves: no script, no font."""

from __future__ import annotations


def _i(name: str) -> str:
    return f"<mi>{name}</mi>"


def _n(number: str) -> str:
    return f"<mn>{number}</mn>"


def _o(sign: str) -> str:
    return f"<mo>{sign}</mo>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _over(above: str, below: str) -> str:
    return f"<mfrac>{above}{below}</mfrac>"


def _sub(base: str, below: str) -> str:
    return f"<msub>{base}{below}</msub>"


def _sup(base: str, above: str) -> str:
    return f"<msup>{base}{above}</msup>"


def _mean(inner: str) -> str:
    return f"<mover>{inner}<mo>¯</mo></mover>"


def _hat(inner: str) -> str:
    return f"<mover>{inner}<mo>^</mo></mover>"


def _root(*parts: str) -> str:
    return f"<msqrt>{''.join(parts)}</msqrt>"


def _in(*parts: str) -> str:
    return _row(_o("("), *parts, _o(")"))


def _sum(over: str) -> str:
    return f"<munder><mo>∑</mo>{over}</munder>"


_B, _B_WITHOUT = _i("b"), _sub(_i("b"), _row(_o("∖"), _i("A")))
_W, _L, _STAR = _i("w"), _i("L"), _sup(_i("w"), _o("*"))
_NBETA = _row(_i("n"), _i("β"))
_GROUPS = _i("G")
_D = _sub(_i("d"), _i("g"))

_SIDES = (("a", _o("+")), ("b", ""))
FORMULAS = {
    "weight": _row(
        _sub(_i("w"), _row(_i("A"), _o("→"), _i("B"))), _o("="), _n("1"), _o("−"),
        "<mo>⟨</mo>", _over(
            _row(_B, _o("·"), _B_WITHOUT), _row(_o("|"), _B, _o("|"), _o("|"), _B_WITHOUT, _o("|")),
        ), "<mo>⟩</mo>",
    ),
    "null": _row(
        _i("z"), _o("="),
        _over(_row(_i("s"), _o("−"), _i("E"), _in(_i("s"))), _root(_i("Var"), _in(_i("s")))),
    ),
    "step": _row(
        _sup(_i("w"), _o("′")), _o("="), _W, _o("−"), _over(_i("ε"), _n("2")),
        _in(_NBETA, _o("∇"), _L, _in(_W), _o("+"), _i("γ"), _in(_W, _o("−"), _STAR)),
        _o("+"), _root(_i("ε")), _i("ξ"),
    ),
    "llc": _row(
        _hat(_i("λ")), _o("="), _NBETA,
        _in(_row("<mo>⟨</mo>", _L, _in(_W), "<mo>⟩</mo>"), _o("−"), _L, _in(_STAR)),
    ),
    "paired": _row(
        _mean(_i("d")), _o("±"), _sub(_i("t"), _row(_GROUPS, _o("−"), _n("1"))),
        _root(_over(
            _row(_sum(_i("g")), _sup(_in(_D, _o("−"), _mean(_i("d"))), _n("2"))),
            _row(_GROUPS, _in(_GROUPS, _o("−"), _n("1"))),
        )),
    ),
    "independent": _row(
        _i("b"), _o("−"), _i("a"), _o("±"),
        _root(*(f"<msubsup>{_i('e')}{_i(x)}{_n('2')}</msubsup>{s}" for x, s in _SIDES)),
    ),
    "seeds": _row(
        _mean(_i("x")), _o("±"), _sub(_i("t"), _row(_i("m"), _o("−"), _n("1"))),
        _over(_i("s"), _root(_i("m"))),
    ),
    "trace": _row(
        _i("tr"), _i("H"), _o("≈"), _over(_n("1"), _i("K")),
        _sum(_i("k")), _sub(_i("v"), _i("k")), _o("·"), _i("H"), _sub(_i("v"), _i("k")),
    ),
}  # fmt: skip


def formula(name: str) -> str:
    """Return a formula as MathML, on a line of its own.

    Raises
    ------
    KeyError
        If there is no such formula.
    """
    return f'<math display="block">{FORMULAS[name]}</math>'
