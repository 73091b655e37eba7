"""Commands that look into what a study has left; like all commands they import what is heavy when they run."""

from pathlib import Path
from typing import Annotated

import typer


def audit(
    folder: Annotated[Path, typer.Argument(help="Results folder, one study in it, or an archive of export-study.")],
) -> None:
    """Check every artifact against its manifest, its inputs and its counts; exit status 1 where something is wrong."""
    from wssis.audit.auditing import audit_study, print_account
    from wssis.audit.study_files import studies_in

    raise typer.Exit(print_account([audit_study(study) for study in studies_in(folder)]))
