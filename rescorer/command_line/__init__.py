"""Commands made from settings: options, `--help` in groups, `--config`, and errors in one line.

    @click.command(cls=Command)
    @settings_options(training=TrainingSettings)
    def train(training: TrainingSettings) -> None: ...

Every field of the dataclass that was declared with `rescorer.settings.setting` becomes an option.
The default stands in the dataclass alone: the command gets the dataclass, built from the command
line, the file of `--config` and its own defaults, in this order of precedence. With
`given_options` it gets what was given, without the defaults.
"""

from rescorer.command_line.commands import Command, Group
from rescorer.command_line.options import Option, given_options, settings_options

__all__ = ["Command", "Group", "Option", "given_options", "settings_options"]
