package org.iolaus.app;

import picocli.CommandLine.Command;

/// `iolaus bench`: what parts of a run cost on this machine.
@Command(
        name = "bench",
        description = "Time parts of a run on this machine; prints one JSON object per line.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {BenchComm.class})
final class Bench {}
