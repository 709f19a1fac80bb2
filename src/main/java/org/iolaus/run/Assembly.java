package org.iolaus.run;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.iolaus.comm.Comm;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.data.Batch;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.GraphFile;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Statistics;
import org.iolaus.ir.Program;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Target;
import org.iolaus.model.Architecture;
import org.iolaus.model.AttentionEdges;
import org.iolaus.model.Model;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.Training;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.Columns;
import org.jspecify.annotations.Nullable;

/// A model put together from a configuration and, for sizes that follow from it, the data.
///
/// @param config complete
/// @param columns which columns of the data the model reads and predicts
public record Assembly(Config config, Columns columns, Model model) {

    /// The model of a configuration; `index` tells what depends on the data, null if all of that is known.
    public static Assembly of(Config given, @Nullable ShardIndex index) {
        DatasetConfig dataset = given.dataset();
        if (dataset == null) {
            throw new ConfigException("Dataset: want the section that says which columns to use, got none");
        }
        Architecture architecture = given.neuralNetwork().architecture();
        boolean potential = architecture.potential().enableInteratomicPotential();
        Columns columns = Columns.of(dataset, given.neuralNetwork().variablesOfInterest(), potential);
        if (!architecture.edgeFeatures().isEmpty()) {
            throw new ConfigException(
                    "NeuralNetwork.Architecture.edge_features: want [] (shards hold no edge features), got "
                            + architecture.edgeFeatures());
        }
        if (index != null) {
            columns.requireIn(index, potential);
            architecture = complete(architecture, columns, Facts.of(index));
        }
        return assemble(given, columns, architecture);
    }

    /// The model of a configuration, with what its shards tell of the data if they are there.
    public static Assembly ofConfig(Config given) {
        DatasetConfig dataset = given.dataset();
        if (dataset == null || !Files.exists(Path.of(dataset.shards(), ShardIndex.FILE))) {
            return of(given, null);
        }
        Path folder = Path.of(dataset.shards());
        return of(given, ShardIndex.of(ShardIndex.read(folder), folder));
    }

    /// The model of a configuration for fixed graphs.
    public static Assembly ofFixed(Config given, GraphFile file) {
        Assembly assembly = of(given, null);
        Architecture architecture = assembly.config.neuralNetwork().architecture();
        return assemble(given, assembly.columns, complete(architecture, assembly.columns, Facts.of(file)));
    }

    private static Assembly assemble(Config given, Columns columns, Architecture architecture) {
        Config config = given.with(architecture);
        String loss = config.neuralNetwork().training().lossFunctionType().toString();
        return new Assembly(config, columns, new Model(architecture, loss, columns.attributeWidth()));
    }

    public Training training() {
        return config.neuralNetwork().training();
    }

    /// What a model may need to know of the data.
    ///
    /// @param atoms of each graph
    /// @param degree how many atoms have k neighbours, by k
    /// @param energyStd of the energies of frames, eV; likewise `energyPerAtomStd`: per atom, without the elements'
    ///     shares; NaN if not known
    @SuppressWarnings("ArrayRecordComponent")
    private record Facts(
            int[] atoms,
            long[] degree,
            double averageNeighbours,
            double forceRms,
            double energyStd,
            double energyPerAtomStd) {
        static Facts of(ShardIndex index) {
            Statistics statistics = index.statistics();
            Statistics.Spread energy = statistics.columns().get("graphs/energy");
            return new Facts(
                    index.atoms(),
                    statistics.degree(),
                    statistics.averageNeighbours(),
                    statistics.forceRms(),
                    energy == null ? Double.NaN : energy.std()[0],
                    statistics.energyPerAtomStd());
        }

        static Facts of(GraphFile file) {
            Batch batch = file.batch();
            int[] atoms = new int[batch.graphs()];
            Arrays.stream(batch.graphOfAtom()).forEach(graph -> atoms[graph]++);
            double square = Arrays.stream(Objects.requireNonNull(batch.forces()))
                    .map(force -> force * force)
                    .average()
                    .orElse(1);
            return new Facts(
                    atoms,
                    file.degrees(),
                    (double) batch.edges() / batch.atoms(),
                    Math.sqrt(square),
                    Double.NaN,
                    Double.NaN);
        }
    }

    private static Architecture complete(Architecture architecture, Columns columns, Facts facts) {
        Architecture.Dimensions sizes = architecture.dimensions();
        int[] atoms = facts.atoms;
        boolean equal = Arrays.stream(atoms).distinct().count() == 1;
        List<Integer> degrees =
                Arrays.stream(facts.degree).mapToObj(Math::toIntExact).toList();
        Architecture completed = architecture.with(new Architecture.Dimensions(
                columns.inputs().size(),
                sizes.outputDim(),
                sizes.outputType(),
                equal && architecture.tellsAtomsByPlace() ? Integer.valueOf(atoms[0]) : null,
                sizes.edgeDim(),
                degrees,
                facts.averageNeighbours));
        Architecture.Potential potential = architecture.potential();
        Architecture.EnergyScale scale = potential.energyScale();
        return scale == null || scale.rule() == null
                ? completed
                : completed.with(potential.with(Architecture.EnergyScale.of(scale(scale.rule(), potential, facts))));
    }

    private static double scale(Architecture.ScaleRule rule, Architecture.Potential potential, Facts facts) {
        double scale = switch (rule) {
            case AUTO -> facts.forceRms;
            case ENERGY_STD ->
                potential.energyReference() == Architecture.EnergyReference.MEAN
                        ? facts.energyStd
                        : facts.energyPerAtomStd;
        };
        if (!(scale > 0)) {
            throw new ConfigException(
                    "NeuralNetwork.Architecture.energy_scale: want a number where the data tell none, " + "got \""
                            + rule.name().toLowerCase(Locale.ROOT) + "\", which is " + scale + " eV of them");
        }
        return scale;
    }

    /// Sets the buffers that follow from the training frames.
    public void setFromData(ModelState state, Statistics statistics) {
        if (state.has(Model.ELEMENT_ENERGY)) {
            double[] energies = statistics.elementEnergies();
            int[] shape = state.find(Model.ELEMENT_ENERGY).shape();
            state.set(Model.ELEMENT_ENERGY, new HostTensor(shape, Arrays.copyOf(energies, shape[0])));
        }
        if (state.has(Model.ENERGY_MEAN)) {
            Statistics.Spread energy =
                    Objects.requireNonNull(statistics.columns().get("graphs/energy"));
            state.set(Model.ENERGY_MEAN, HostTensor.of(new int[] {1}, energy.mean()[0]));
        }
        for (int head = 0; head < columns.targets().size(); head++) {
            if (state.has(Model.targetMean(head))) {
                Columns.Target target = columns.targets().get(head);
                int[] shape = {target.column().width()};
                state.set(Model.targetMean(head), new HostTensor(shape, target.shift(statistics)));
                state.set(Model.targetStd(head), new HostTensor(shape, target.scale(statistics)));
            }
        }
    }

    /// Opens a shard set on all ranks: rank zero reads the index and sends it to the others.
    ///
    /// @param verify whether the ranks, sharing the work, check every byte first
    public static ShardSet open(Comm comm, Path folder, boolean verify) {
        byte[] mine = comm.isRoot() ? ShardIndex.read(folder) : new byte[0];
        byte[] bytes = comm.broadcast(mine, 0);
        ShardSet shards = comm.rootFirst(() -> ShardSet.open(folder, bytes, false, ShardSet.DEFAULT_CACHE_BYTES));
        if (verify) {
            List<String> damages = ShardSet.damages(folder, shards.index(), comm.rank(), comm.size());
            List<byte[]> all = comm.gather(String.join("\n", damages).getBytes(StandardCharsets.UTF_8), 0);
            String found = all.stream()
                    .map(bytesOfRank -> new String(bytesOfRank, StandardCharsets.UTF_8))
                    .filter(text -> !text.isEmpty())
                    .collect(Collectors.joining("\n"));
            if (!found.isEmpty()) {
                List<String> lines = found.lines().toList();
                throw new DataException(lines.getFirst()
                        + (lines.size() == 1 ? "" : "; so are " + (lines.size() - 1) + " other shards"));
            }
            comm.barrier();
        }
        return shards;
    }

    /// The shard set that a configuration names, made for its cutoff.
    public static ShardSet open(Comm comm, Config config) {
        DatasetConfig dataset = Objects.requireNonNull(config.dataset());
        ShardSet shards = open(comm, Path.of(dataset.shards()), dataset.verifyChecksums());
        comm.rootFirst(() -> requireNeighbours(config.neuralNetwork().architecture(), shards.index()));
        return shards;
    }

    /// Refuses a shard set that this model cannot be measured on.
    public void requireFit(Comm comm, ShardIndex index) {
        Architecture architecture = config.neuralNetwork().architecture();
        comm.rootFirst(() -> {
            columns.requireIn(index, architecture.potential().enableInteratomicPotential());
            return requireNeighbours(architecture, index);
        });
    }

    private static ShardIndex requireNeighbours(Architecture architecture, ShardIndex index) {
        index.requireNeighbours(requireRadius(architecture), architecture.maxNeighbours(), attention(architecture));
        return index;
    }

    /// The neighbour list of a global attention, if it needs its own.
    public static @Nullable Neighbours attention(Architecture architecture) {
        AttentionEdges edges = AttentionEdges.of(architecture);
        return edges == null || !edges.listed() ? null : new Neighbours(edges.cutoffAngstrom(), edges.maxNeighbours());
    }

    static double requireRadius(Architecture architecture) {
        if (architecture.radius() == null) {
            throw new ConfigException("NeuralNetwork.Architecture.radius: want a cutoff in Å, got none");
        }
        return architecture.radius();
    }

    /// Where programs run on this rank.
    ///
    /// @throws org.iolaus.cuda.DeviceException if the device asked for is not to be had; there is no fallback
    public static Engine engine(Comm comm, Training training) {
        return engine(comm, training, device -> device);
    }

    /// The same; programs use the device through `wrap`.
    public static Engine engine(Comm comm, Training training, UnaryOperator<DeviceRuntime> wrap) {
        try (EngineStart start = new EngineStart(comm, training)) {
            return start.engine(wrap);
        }
    }

    /// Begins to lower the programs of a training run, beside what this thread does next. Whoever needs a schedule
    /// waits for it, and is told what went wrong.
    public void lowerAhead() {
        Training training = training();
        boolean host = training.device() == Training.Device.CPU;
        Precision precision = host ? Precision.FP64 : training.precision();
        Target target = host ? Target.HOST : Target.DEVICE;
        for (Supplier<Program> program : List.<Supplier<Program>>of(() -> training.program(model), model::evaluate)) {
            ForkJoinPool.commonPool()
                    .execute(new FutureTask<>(() -> Lowering.run(program.get(), target, precision.narrowing())));
        }
    }

    public static int ranksOnThisHost(Comm comm) {
        List<byte[]> hosts = comm.gather(comm.host().getBytes(StandardCharsets.UTF_8), 0);
        String all = String.join(
                "\n",
                hosts.stream()
                        .map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                        .toList());
        String shared = new String(comm.broadcast(all.getBytes(StandardCharsets.UTF_8), 0), StandardCharsets.UTF_8);
        return (int) shared.lines().filter(comm.host()::equals).count();
    }

    /// Name of this program's version, for logs and checkpoints.
    public static String version() {
        String version = Assembly.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /// Commit that the program was built from, as the launcher says.
    public static String commit() {
        return System.getProperty("iolaus.commit", "unknown");
    }
}
