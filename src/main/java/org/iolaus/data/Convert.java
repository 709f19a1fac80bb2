package org.iolaus.data;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Makes a shard set of raw files, on all ranks.
///
/// Every rank goes through all frames, and reads, checks, counts and writes those of its own shards. Which
/// frames make up a shard depends on the frames only, so the result is the same for any number of ranks.
/// The set is made in a folder beside its own and renamed when it is complete. What goes wrong on one rank
/// is thrown on all.
public final class Convert {
    private static final Logger LOG = LoggerFactory.getLogger(Convert.class);

    private final List<Input> inputs;
    private final Options options;
    private final Ranks ranks;
    private final Path partial;

    /// Raw data in eV and Å.
    ///
    /// @param path the file or folder
    /// @param role what its frames are for; null where the split rule decides
    /// @param frames opens them; what it gives is closed after use
    public record Input(Path path, @Nullable Split role, Supplier<? extends FrameSource> frames) {}

    /// How to convert.
    ///
    /// @param out the folder to make
    /// @param existing what happens to a set that is there already
    /// @param maxNeighbours null: all
    /// @param attention a second neighbour list, for a global attention; null without
    /// @param periodic null: as each frame says; true: every frame must be periodic; false: none is
    /// @param required what every frame must have
    /// @param atomsPerShard a shard is complete when it has so many
    /// @param program name and version, for the provenance; likewise `date` and `description` of further options
    public record Options(
            Path out,
            Existing existing,
            double cutoffAngstrom,
            @Nullable Integer maxNeighbours,
            @Nullable Neighbours attention,
            @Nullable Boolean periodic,
            Splits.Rule split,
            FrameCheck.Required required,
            long atomsPerShard,
            String program,
            String date,
            String description) {
        /// Some 15 MB of positions and forces.
        public static final long DEFAULT_ATOMS_PER_SHARD = 1 << 18;
    }

    /// What happens to a set that is there already: stop; replace it; keep it if it is the same, otherwise stop.
    public enum Existing {
        REFUSE,
        REPLACE,
        KEEP
    }

    /// What came of it.
    ///
    /// @param kept whether the set was there already
    public record Result(ShardIndex index, boolean kept) {}

    /// What ranks need of each other.
    public interface Ranks {
        int rank();

        int size();

        /// The bytes of every rank, by rank, on rank zero; an empty list elsewhere.
        List<byte[]> gather(byte[] mine);

        /// The bytes of rank zero, everywhere.
        byte[] broadcast(byte[] ofRankZero);

        /// One rank.
        static Ranks single() {
            return new Ranks() {
                @Override
                public int rank() {
                    return 0;
                }

                @Override
                public int size() {
                    return 1;
                }

                @Override
                public List<byte[]> gather(byte[] mine) {
                    return List.of(mine);
                }

                @Override
                public byte[] broadcast(byte[] ofRankZero) {
                    return ofRankZero;
                }
            };
        }
    }

    private Convert(List<Input> inputs, Options options, Ranks ranks) {
        this.inputs = inputs;
        this.options = options;
        this.ranks = ranks;
        this.partial = options.out.resolveSibling(options.out.getFileName() + ".partial");
    }

    /// Makes the set.
    ///
    /// @return its index, on every rank
    public static Result run(List<Input> inputs, Options options, Ranks ranks) {
        if (inputs.isEmpty() && options.existing != Existing.KEEP) {
            throw new DataException(options.out + ": want files to convert, got none");
        }
        Convert convert = new Convert(inputs, options, ranks);
        try {
            return convert.run();
        } catch (RuntimeException e) {
            if (ranks.rank() == 0) {
                delete(convert.partial);
            }
            throw e;
        }
    }

    private Result run() {
        List<ShardIndex.Source> sources = new ArrayList<>();
        String set = new String(
                fromRoot(() -> {
                    if (keepUnseen()) {
                        return new byte[0];
                    }
                    inputs.forEach(input -> sources.add(source(input.path)));
                    String identity = identity(sources);
                    return (prepareFolder(identity) ? identity : "").getBytes(StandardCharsets.UTF_8);
                }),
                StandardCharsets.UTF_8);
        if (set.isEmpty()) {
            return new Result(ShardIndex.of(fromRoot(() -> ShardIndex.read(options.out)), options.out), true);
        }

        int[] frames = new int[inputs.size()];
        List<Map<String, double[]>> told = everywhere(() -> writeShards(set, frames));

        SetFacts[] facts = new SetFacts[1];
        byte[] draft = fromRoot(() -> {
            facts[0] = SetFacts.of(told, options.cutoffAngstrom, options.maxNeighbours, options.attention);
            return draft(facts[0], set, sources, frames);
        });
        ShardIndex index = ShardIndex.of(draft, options.out);
        List<Map<String, double[]>> collected = everywhere(() -> collect(index));

        byte[] complete = fromRoot(() -> {
            index.with(facts[0].statistics(split(index, 0, index.graphs()), collected))
                    .write(partial.resolve(ShardIndex.FILE));
            publish();
            return ShardIndex.read(options.out);
        });
        return new Result(ShardIndex.of(complete, options.out), false);
    }

    // --- work of rank zero ---

    /// Whether there is a set to keep, but not the files to compare it with.
    private boolean keepUnseen() {
        boolean keep = options.existing == Existing.KEEP && Files.exists(options.out.resolve(ShardIndex.FILE));
        List<Path> missing =
                inputs.stream().map(Input::path).filter(p -> !Files.exists(p)).toList();
        if (keep && !missing.isEmpty()) {
            LOG.info("{}: kept as it is, {} is not there", options.out, missing.getFirst());
        }
        return keep && (inputs.isEmpty() || !missing.isEmpty());
    }

    /// Makes the folder to work in.
    ///
    /// @return false if the set is there already
    private boolean prepareFolder(String identity) {
        Path out = options.out;
        boolean isSet = Files.exists(out.resolve(ShardIndex.FILE));
        if (isSet && options.existing == Existing.KEEP) {
            if (ShardIndex.of(ShardIndex.read(out), out).set().equals(identity)) {
                return false;
            }
            throw new DataException(out + ": want the set that these files and options make, got another one: convert "
                    + "to another folder, or with --force");
        }
        if (isSet && options.existing == Existing.REFUSE) {
            throw new DataException(out + ": want a folder that is not there yet, or --force, got one");
        }
        if (!isSet && Files.exists(out) && !isEmptyFolder(out)) {
            throw new DataException(out + ": want a folder to make, or one of shards to replace, got something else");
        }
        delete(partial);
        io(partial, () -> Files.createDirectories(partial));
        return true;
    }

    private static boolean isEmptyFolder(Path folder) {
        try (Stream<Path> entries = Files.isDirectory(folder) ? Files.list(folder) : Stream.of(folder)) {
            return entries.findAny().isEmpty();
        } catch (IOException e) {
            throw new DataException(folder + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /// Size and checksum of a file, or of all files of a folder in order.
    private static ShardIndex.Source source(Path path) {
        if (!Files.exists(path)) {
            throw new DataException(path + ": want a file or folder of frames, got none of that name");
        }
        CRC32C crc = new CRC32C();
        long bytes = 0;
        byte[] buffer = new byte[1 << 16];
        try (Stream<Path> walk = Files.walk(path)) {
            for (Path file : walk.filter(Files::isRegularFile).sorted().toList()) {
                try (InputStream in = Files.newInputStream(file)) {
                    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                        crc.update(buffer, 0, n);
                        bytes += n;
                    }
                }
            }
        } catch (IOException e) {
            throw new DataException(path + ": cannot be read: " + e, e);
        }
        return new ShardIndex.Source(path.toString(), bytes, crc.getValue(), 0);
    }

    /// The same files and options make the same set.
    private String identity(List<ShardIndex.Source> sources) {
        StringBuilder text = new StringBuilder(describe());
        for (ShardIndex.Source source : sources) {
            text.append('\n').append(Path.of(source.file()).getFileName());
            text.append(' ').append(source.bytes()).append(' ').append(source.crc32c());
        }
        try {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(text.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private String describe() {
        return "cutoff %s Å; %s; %s; %s; %d atoms per shard; %s"
                .formatted(
                        options.cutoffAngstrom,
                        options.maxNeighbours == null ? "all neighbours" : options.maxNeighbours + " neighbours",
                        options.periodic == null ? "periodic as given" : options.periodic ? "periodic" : "not periodic",
                        options.split,
                        options.atomsPerShard,
                        options.description
                                + (options.attention == null ? "" : "; for attention " + options.attention));
    }

    /// The index without statistics, which tells the ranks what there is.
    private byte[] draft(SetFacts facts, String set, List<ShardIndex.Source> sources, int[] frames) {
        if (!facts.partial().isEmpty()) {
            LOG.warn("{}: left out what only some frames have: {}", options.out, String.join(", ", facts.partial()));
        }
        @Nullable Split[] roles = new @Nullable Split[facts.atoms().length];
        List<ShardIndex.Source> counted = new ArrayList<>();
        int frame = 0;
        for (int i = 0; i < frames.length; i++) {
            Arrays.fill(roles, frame, frame + frames[i], inputs.get(i).role);
            frame += frames[i];
            ShardIndex.Source source = sources.get(i);
            counted.add(new ShardIndex.Source(source.file(), source.bytes(), source.crc32c(), frames[i]));
        }
        byte[] split = Splits.assign(options.split, facts.composition(), roles);
        if (!facts.unseenElements(split).isEmpty()) {
            LOG.warn(
                    "{}: no training frame has {}, other frames do",
                    options.out,
                    facts.unseenElements(split).stream().map(Elements::symbol).toList());
        }
        ShardIndex index = new ShardIndex(
                options.out.toString(),
                set,
                facts.content(),
                facts.shards(),
                facts.table(split),
                Statistics.NONE,
                new ShardIndex.Provenance(options.program, options.date, describe(), counted));
        Path file = partial.resolve("draft.h5");
        index.write(file);
        try {
            byte[] bytes = Files.readAllBytes(file);
            Files.delete(file);
            return bytes;
        } catch (IOException e) {
            throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /// Gives the finished set its name; an older one goes only now.
    private void publish() {
        Path replaced = options.out.resolveSibling(options.out.getFileName() + ".replaced");
        delete(replaced);
        if (Files.exists(options.out)) {
            io(options.out, () -> Files.move(options.out, replaced, StandardCopyOption.ATOMIC_MOVE));
        }
        io(options.out, () -> {
            Files.move(partial, options.out, StandardCopyOption.ATOMIC_MOVE);
            Hdf5Writer.syncDirectoryOf(options.out);
            return options.out;
        });
        delete(replaced);
    }

    // --- work of every rank ---

    /// Reads all frames, writes the shards whose turn it is, and tells about them under `number/...`.
    private Map<String, double[]> writeShards(String set, int[] frames) {
        FrameCheck check = new FrameCheck(options.required, options.periodic);
        ShardBuilder builder =
                new ShardBuilder(partial, set, check, options.cutoffAngstrom, options.maxNeighbours, options.attention);
        Map<String, double[]> told = new LinkedHashMap<>();
        List<Structure> shard = new ArrayList<>();
        int number = 0;
        long atoms = 0;
        for (int i = 0; i < inputs.size(); i++) {
            try (FrameSource source = inputs.get(i).frames.get()) {
                int added = 1;
                while (added > 0) {
                    if (atoms >= options.atomsPerShard) {
                        tell(builder, number++, shard, told);
                        shard = new ArrayList<>();
                        atoms = 0;
                    }
                    added = isMine(number) ? take(source, shard) : source.skip();
                    atoms += added;
                    frames[i] += added > 0 ? 1 : 0;
                }
            }
        }
        if (number == 0 && atoms == 0) {
            throw new DataException(
                    inputs.stream().map(in -> in.path.toString()).toList() + ": want at least one frame, got none");
        }
        if (atoms > 0) {
            tell(builder, number, shard, told);
        }
        return told;
    }

    /// Adds the next frame to a shard.
    ///
    /// @return how many atoms it has; 0 if there is none
    private static int take(FrameSource source, List<Structure> shard) {
        if (!source.hasNext()) {
            return 0;
        }
        Structure frame = source.next();
        if (frame.atoms() == 0) {
            throw new DataException(frame.source() + ": want at least one atom, got none");
        }
        shard.add(frame);
        return frame.atoms();
    }

    private void tell(ShardBuilder builder, int number, List<Structure> frames, Map<String, double[]> told) {
        if (isMine(number)) {
            builder.write(number, frames).forEach((name, values) -> told.put(number + "/" + name, values));
            LOG.debug("shard {}: {} frames", number, frames.size());
        }
    }

    private boolean isMine(int shard) {
        return shard % ranks.size() == ranks.rank();
    }

    /// Reads this rank's shards back, checksums and all, and sums over their training frames.
    private Map<String, double[]> collect(ShardIndex index) {
        Map<String, double[]> collected = new LinkedHashMap<>();
        for (int s = 0; s < index.shards().size(); s++) {
            if (isMine(s)) {
                ShardIndex.Shard shard = index.shards().get(s);
                int last = shard.firstGraph() + shard.graphs();
                int number = s;
                try (Arena arena = Arena.ofConfined()) {
                    ShardFile file = new ShardFile(partial, shard, index.set(), s, true, arena);
                    ShardStatistics.collect(
                                    file,
                                    index.content(),
                                    IntStream.range(shard.firstGraph(), last)
                                            .map(index.atoms()::get)
                                            .toArray(),
                                    split(index, shard.firstGraph(), last))
                            .forEach((name, values) -> collected.put(number + "/" + name, values));
                }
            }
        }
        return collected;
    }

    private static byte[] split(ShardIndex index, int from, int to) {
        byte[] split = new byte[to - from];
        for (int graph = from; graph < to; graph++) {
            split[graph - from] = (byte) index.table().split().get(graph);
        }
        return split;
    }

    // --- between ranks ---

    /// Work of rank zero whose result all ranks get.
    private byte[] fromRoot(Supplier<byte[]> work) {
        byte[][] result = {new byte[0]};
        agree(() -> {
            if (ranks.rank() == 0) {
                result[0] = work.get();
            }
            return new byte[0];
        });
        return ranks.broadcast(result[0]);
    }

    /// Work of every rank on its shards; the results by shard, on rank zero.
    private List<Map<String, double[]>> everywhere(Supplier<Map<String, double[]>> work) {
        List<byte[]> all = agree(() -> NamedArrays.toBytes(work.get()));
        List<Map<String, double[]>> byShard = new ArrayList<>();
        for (byte[] ofRank : all) {
            NamedArrays.of(ofRank).forEach((name, values) -> {
                int slash = name.indexOf('/');
                int shard = Integer.parseInt(name.substring(0, slash));
                while (byShard.size() <= shard) {
                    byShard.add(new LinkedHashMap<>());
                }
                byShard.get(shard).put(name.substring(slash + 1), values);
            });
        }
        return byShard;
    }

    /// Runs something on every rank. If it fails on any, it fails on all, with the message of the first, once
    /// nothing of the set is left.
    private List<byte[]> agree(Supplier<byte[]> work) {
        RuntimeException own = null;
        byte[] result = new byte[0];
        try {
            result = work.get();
        } catch (RuntimeException e) {
            own = e;
        }
        byte[] message =
                own == null ? new byte[0] : String.valueOf(own.getMessage()).getBytes(StandardCharsets.UTF_8);
        List<byte[]> failures = ranks.gather(message);
        byte[] first = failures.stream().filter(m -> m.length > 0).findFirst().orElse(new byte[0]);
        byte[] verdict = ranks.broadcast(first);
        if (verdict.length > 0) {
            if (ranks.rank() == 0) {
                delete(partial);
            }
            ranks.broadcast(new byte[0]);
            throw own != null ? own : new DataException(new String(verdict, StandardCharsets.UTF_8));
        }
        return ranks.gather(result);
    }

    private static void delete(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(folder)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new DataException(folder + ": cannot be removed: " + e.getMessage(), e);
        }
    }

    private interface IoAction {
        Path run() throws IOException;
    }

    private static void io(Path path, IoAction action) {
        try {
            action.run();
        } catch (IOException e) {
            throw new DataException(path + ": cannot be made: " + e, e);
        }
    }
}
