package org.iolaus.app;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.iolaus.bench.EquivarianceMeasurement;
import org.iolaus.config.ConfigReader;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus bench equivariance`: how exactly EquiformerV2 keeps the symmetries of space.
@Command(
        name = "equivariance",
        description = {
            "Measure how much EquiformerV2's energies and forces differ from what symmetry asks for (float64, CPU).",
            "Random clusters, first values of the weights. Errors are root mean squares, of energies relative to",
            "their standard deviation over the clusters, of forces relative to their own root mean square.",
            "rotation: the worst of some; gauge: other random rolls of the frames (direct forces only);",
            "inversion: no symmetry of SO(2) maps, for comparison."
        })
final class BenchEquivariance extends CommandBase implements Callable<Integer> {

    @Parameters(paramLabel = "CONFIG", description = "Sizes of the network; its heads are equiformer_heads.")
    private Path configFile = Path.of("");

    @Option(names = "--lmax", split = ",", description = "Degrees (default: ${DEFAULT-VALUE}).")
    private List<Integer> degrees = List.of(2, 4, 6);

    @Option(
            names = "--grids",
            split = ",",
            paramLabel = "RESOLUTION",
            description = "equiformer_grid_resolution of each, null for the default (default: ${DEFAULT-VALUE}).")
    private List<String> grids = List.of("null", "8", "10", "14", "18", "22", "26");

    @Option(names = "--systems", description = "Clusters of eight atoms (default: ${DEFAULT-VALUE}).")
    private int systems = 8;

    @Option(names = "--rotations", description = "Of each (default: ${DEFAULT-VALUE}).")
    private int rotations = 4;

    @Option(names = "--threads", description = "Of the host (default: ${DEFAULT-VALUE}).")
    private int threads = 1;

    @Option(names = "--plot", paramLabel = "FOLDER", description = "Where to draw errors of forces over grids.")
    private @Nullable Path plot;

    @Override
    public Integer call() {
        EquivarianceMeasurement.Plan plan =
                new EquivarianceMeasurement.Plan(degrees, grids, systems, rotations, threads, plot);
        new EquivarianceMeasurement(settings -> ConfigReader.read(configFile, settings), plan, typed(), out()::println)
                .run();
        return 0;
    }
}
