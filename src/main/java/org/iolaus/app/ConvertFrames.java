package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.config.ConfigReader;
import org.iolaus.convert.Convert;
import org.iolaus.convert.FrameCheck;
import org.iolaus.convert.Splits;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.data.read.ReadOptions;
import org.iolaus.data.read.Readers;
import org.iolaus.model.Architecture;
import org.iolaus.run.BuildInfo;
import org.iolaus.run.Cutoffs;
import org.iolaus.run.ShardReport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus convert`: raw frames to a shard set.
@Command(
        name = "convert",
        description = {
            "Convert the frames that a configuration names to checked HDF5 shards; under mpirun on all ranks.",
            "Splits, units and columns are as Dataset says; the neighbour lists are those of Architecture.",
        })
final class ConvertFrames extends CommandBase implements OnRanks {
    /// Columns that are fields of a frame.
    private static final Set<String> QUANTITIES = Set.of("energy", "forces", "stress");

    @Parameters(paramLabel = "CONFIG", description = "Configuration (HydraGNN's JSON).")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the file, such as batch_size=8.")
    private List<String> overrides = List.of();

    @Option(names = "--input", paramLabel = "FILE", description = "Read this instead of Dataset.path (several times).")
    private List<Path> inputs = List.of();

    @Option(names = "--out", paramLabel = "DIR", description = "Write here instead of Dataset.shards.")
    private @Nullable Path out;

    @Option(
            names = "--units",
            paramLabel = "UNITS",
            description = "Units of the files, such as energy=kcal/mol,length=bohr, instead of Dataset.units.")
    private @Nullable String units;

    @Option(
            names = "--keys",
            paramLabel = "KEYS",
            description = "Names in the files, such as energy=E_dft,forces=F_dft, where the usual ones are not meant.")
    private @Nullable String keys;

    @Option(
            names = "--split-counts",
            split = ",",
            paramLabel = "N",
            description = "Frames for training, validation and test instead of Dataset.split.")
    private List<Integer> splitCounts = List.of();

    @Option(names = "--force", description = "Replace a set that is there already.")
    private boolean force;

    @Option(names = "--if-missing", description = "Keep a set of the same files and options that is there already.")
    private boolean ifMissing;

    @Option(
            names = "--atoms-per-shard",
            paramLabel = "N",
            description = "A shard is complete when it has so many (default: ${DEFAULT-VALUE}).")
    private long atomsPerShard = Convert.Options.DEFAULT_ATOMS_PER_SHARD;

    @Override
    public int run(Comm comm) {
        Work work = comm.rootFirst(this::work);
        long start = System.nanoTime();
        Convert.Result result = Convert.run(work.frames, work.options, comm);
        if (comm.isRoot()) {
            report(result, work.options.out(), (System.nanoTime() - start) / 1e9);
        }
        return 0;
    }

    private record Work(List<Convert.Input> frames, Convert.Options options) {}

    private Work work() {
        Config config = ConfigReader.read(configFile, overrides);
        DatasetConfig dataset = config.dataset();
        if (dataset == null) {
            throw new ConfigException(configFile + ": Dataset: want the section that says what to convert, got none");
        }
        ReadOptions reading = reading(dataset);
        return new Work(frames(dataset, reading), options(config, dataset, reading));
    }

    private void report(Convert.Result result, Path folder, double seconds) {
        PrintWriter print = out();
        ShardIndex index = result.index();
        if (result.kept()) {
            print.println(folder + ": there already, " + index.graphs() + " frames");
        } else {
            ShardReport.summary(index).forEach(print::println);
            print.printf(Locale.ROOT, "converted in %.1f s%n", seconds);
        }
    }

    private ReadOptions reading(DatasetConfig dataset) {
        ReadOptions reading = ReadOptions.of(dataset);
        reading = units == null ? reading : reading.withUnits(units);
        return keys == null ? reading : reading.withKeys(keys);
    }

    private List<Convert.Input> frames(DatasetConfig dataset, ReadOptions reading) {
        Map<String, Split> roles = Map.of("train", Split.TRAIN, "validate", Split.VALIDATION, "test", Split.TEST);
        List<Convert.Input> frames = new ArrayList<>();
        if (!inputs.isEmpty()) {
            inputs.forEach(path -> frames.add(input(path, null, reading)));
            return frames;
        }
        // train first, so that its frames come first whatever the order in the file
        for (String key : List.of("total", "train", "validate", "test")) {
            String path = dataset.path().get(key);
            if (path != null) {
                frames.add(input(Path.of(path), roles.get(key), reading));
            }
        }
        return frames;
    }

    private static Convert.Input input(Path path, @Nullable Split role, ReadOptions reading) {
        return new Convert.Input(path, role, () -> Readers.open(path, reading));
    }

    private Convert.Options options(Config config, DatasetConfig dataset, ReadOptions reading) {
        Architecture architecture = config.neuralNetwork().architecture();
        Double radius = architecture.radius();
        if (radius == null) {
            throw new ConfigException(
                    configFile + ": NeuralNetwork.Architecture.radius: want a cutoff in Å to convert, got none");
        }
        Convert.Existing existing =
                force ? Convert.Existing.REPLACE : ifMissing ? Convert.Existing.KEEP : Convert.Existing.REFUSE;
        return new Convert.Options(
                out == null ? Path.of(dataset.shards()) : out,
                existing,
                new Neighbours(radius, architecture.maxNeighbours()),
                Cutoffs.attention(architecture),
                architecture.periodicBoundaryConditions(),
                rule(config, dataset),
                required(dataset, architecture.potential().enableInteratomicPotential()),
                atomsPerShard,
                "iolaus " + BuildInfo.version(),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                description(reading));
    }

    private Splits.Rule rule(Config config, DatasetConfig dataset) {
        DatasetConfig.Split split = dataset.split();
        boolean stratified = dataset.compositionalStratifiedSplitting();
        long seed = split == null ? 0 : split.seed();
        if (!splitCounts.isEmpty()) {
            if (splitCounts.size() != 3) {
                throw new ConfigException("--split-counts: want three numbers, got " + splitCounts);
            }
            return counts(splitCounts, stratified, seed);
        }
        if (inputs.isEmpty() && !dataset.path().containsKey("total")) {
            return new Splits.ByFile();
        }
        if (split == null) {
            Double train = config.neuralNetwork().training().percTrain();
            if (train == null) {
                throw new ConfigException(
                        configFile + ": Dataset.split: want this key or Training.perc_train, got neither");
            }
            return Splits.Fractions.ofTraining(train, stratified, seed);
        }
        if (split.counts() != null) {
            return counts(split.counts(), stratified, seed);
        }
        if (split.fractions() != null) {
            List<Double> shares = split.fractions();
            return new Splits.Fractions(shares.get(0), shares.get(1), shares.get(2), stratified, seed);
        }
        Map<String, String> indices = Objects.requireNonNull(split.indices());
        String train = indices.get("train");
        if (train == null) {
            throw new ConfigException(configFile + ": Dataset.split.indices: want a file for train, got none");
        }
        return Splits.Indices.read(Path.of(train), path(indices.get("validate")), path(indices.get("test")));
    }

    private static Splits.Rule counts(List<Integer> counts, boolean stratified, long seed) {
        return new Splits.Counts(counts.get(0), counts.get(1), counts.get(2), stratified, seed);
    }

    private static @Nullable Path path(@Nullable String name) {
        return name == null ? null : Path.of(name);
    }

    private static FrameCheck.Required required(DatasetConfig dataset, boolean potential) {
        Set<String> quantities = new TreeSet<>();
        Map<String, Integer> atomColumns = columns(dataset.nodeFeatures(), quantities);
        Map<String, Integer> graphColumns = columns(dataset.graphFeatures(), quantities);
        graphColumns.putAll(columns(dataset.graphAttributes(), quantities));
        if (potential) {
            quantities.add("energy");
            quantities.add("forces");
        }
        return new FrameCheck.Required(quantities, atomColumns, graphColumns);
    }

    private static Map<String, Integer> columns(DatasetConfig.Features features, Set<String> quantities) {
        Map<String, Integer> columns = new TreeMap<>();
        for (int i = 0; i < features.name().size(); i++) {
            String name = features.name().get(i);
            if (QUANTITIES.contains(name)) {
                quantities.add(name);
            } else if (!name.equals("atomic_number")) {
                columns.put(name, features.dim().get(i));
            }
        }
        return columns;
    }

    private static String description(ReadOptions reading) {
        ReadOptions.Factors factors = reading.units();
        Map<String, String> names = new LinkedHashMap<>(new TreeMap<>(reading.keys()));
        return "format %s; energy times %s, length times %s, forces times %s, stress times %s; keys %s"
                .formatted(
                        reading.format() == null ? "detected" : reading.format(),
                        factors.energy(),
                        factors.length(),
                        factors.forces(),
                        factors.stress(),
                        names);
    }
}
