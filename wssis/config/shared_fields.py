"""Fields that the settings of several stages have."""

from pydantic import Field

from wssis.config.section import added_field

Seed = Field(0, ge=0, description="Random seed, from sN.")
FoldGroups = added_field(
    None, description="Image key whose equal values stay in one fold, as in the split (split.method group)."
)
