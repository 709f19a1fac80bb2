package org.iolaus.app;

import picocli.CommandLine.Command;

/// `iolaus bench`: what parts of a run cost on this machine, and how exact a model is.
@Command(
        name = "bench",
        description = {
            "Time parts of a run on this machine, or measure how well a model keeps symmetries.",
            "Each result is one JSON object on one line, with commit, date, device and command."
        },
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {BenchStep.class, BenchData.class, BenchComm.class, BenchEquivariance.class})
final class Bench {}
