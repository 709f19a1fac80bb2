package org.iolaus.app;

import picocli.CommandLine.Command;

/// `iolaus bench`: what parts of a run cost on this machine.
@Command(
        name = "bench",
        description = {
            "Time parts of a run on this machine.",
            "Each result is one JSON object on one line, with commit, date, device and command."
        },
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {BenchStep.class, BenchData.class, BenchComm.class})
final class Bench {}
