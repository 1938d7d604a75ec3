"""Write the golden texts anew: ``python -m tests.golden.update``. Read what it changes before you keep it."""

from __future__ import annotations

from tests.golden import known, programs


def main() -> None:
    """Write every golden text as it is derived now."""
    preface, forms = known.forms()
    known.FILE.write_text("\n".join([preface, *(str(known.derive(form)) for form in forms)]))
    for name, golden in programs.DERIVATIONS.items():
        derivation = golden.derive()
        for extension in golden.formats:
            programs.path(name, extension).write_text(programs.printed(derivation, extension))


if __name__ == "__main__":
    main()
