package org.iolaus.convert;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.iolaus.atoms.Elements;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.Comm;
import org.iolaus.data.Counts;
import org.iolaus.data.DataException;
import org.iolaus.data.FrameSource;
import org.iolaus.data.GraphTable;
import org.iolaus.data.Hdf5Writer;
import org.iolaus.data.Neighbours;
import org.iolaus.data.ShardFile;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;
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

    /// Shards whose statistics are sent together: some megabytes.
    private static final int AT_ONCE = 256;

    private final List<Input> inputs;
    private final Options options;
    private final Comm comm;
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
    /// @param attention a second neighbour list, for a global attention; null without
    /// @param periodic null: as each frame says; true: every frame must be periodic; false: none is
    /// @param required what every frame must have
    /// @param atomsPerShard a shard is complete when it has so many
    /// @param program name and version, for the provenance; likewise `date` and `description` of further options
    public record Options(
            Path out,
            Existing existing,
            Neighbours neighbours,
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

    private Convert(List<Input> inputs, Options options, Comm comm) {
        this.inputs = inputs;
        this.options = options;
        this.comm = comm;
        this.partial = options.out.resolveSibling(options.out.getFileName() + ".partial");
    }

    /// Makes the set.
    ///
    /// @return its index, on every rank
    public static Result run(List<Input> inputs, Options options, Comm comm) {
        if (inputs.isEmpty() && options.existing != Existing.KEEP) {
            throw new DataException(options.out + ": want files to convert, got none");
        }
        return new Convert(inputs, options, comm).make();
    }

    private Result make() {
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
            return new Result(index(options.out), true);
        }

        int[] frames = new int[inputs.size()];
        int[] shards = new int[1];
        agree(() -> shards[0] = writeShards(set, frames));
        agree(() -> {
            if (comm.isRoot()) {
                writeDraft(set, shards[0], sources, frames);
            }
        });
        ShardIndex index = index(partial);
        Statistics statistics = statistics(index);
        agree(() -> {
            if (comm.isRoot()) {
                index.with(statistics).write(partial);
                publish();
            }
        });
        return new Result(index(options.out), false);
    }

    /// Rank zero reads the index, all get it.
    private ShardIndex index(Path folder) {
        return ShardIndex.read(
                folder, file -> comm.broadcast(comm.isRoot() ? ShardIndex.bytes(folder, file) : new byte[0], 0));
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
            if (ShardIndex.read(out).set().equals(identity)) {
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
                        options.neighbours.cutoffAngstrom(),
                        options.neighbours.most() == null
                                ? "all neighbours"
                                : options.neighbours.most() + " neighbours",
                        options.periodic == null ? "periodic as given" : options.periodic ? "periodic" : "not periodic",
                        options.split,
                        options.atomsPerShard,
                        options.description
                                + (options.attention == null ? "" : "; for attention " + options.attention));
    }

    /// Writes the index without statistics, which tells the ranks what there is.
    private void writeDraft(String set, int shards, List<ShardIndex.Source> sources, int[] frames) {
        SetFacts facts = SetFacts.read(partial, shards, options.neighbours, options.attention);
        if (!facts.partial().isEmpty()) {
            LOG.warn("{}: left out what only some frames have: {}", options.out, String.join(", ", facts.partial()));
        }
        Counts compositions = options.split.stratified() ? Composition.numbers(partial, shards) : Counts.of();
        List<@Nullable Split> roles = new ArrayList<>();
        List<ShardIndex.Source> counted = new ArrayList<>();
        for (int i = 0; i < frames.length; i++) {
            roles.add(inputs.get(i).role);
            ShardIndex.Source source = sources.get(i);
            counted.add(new ShardIndex.Source(source.file(), source.bytes(), source.crc32c(), frames[i]));
        }
        byte[] split = Splits.assign(options.split, compositions::get, roles, frames);
        GraphTable table =
                new GraphTable(facts.sizes(), Counts.of(split.length, graph -> split[graph]), facts.dataset());
        if (table.size(Split.TRAIN) == 0) {
            LOG.warn("{}: no training frames: models can be evaluated on this set, but not trained", options.out);
        }
        new ShardIndex(
                        options.out.toString(),
                        set,
                        facts.content(),
                        facts.shards(),
                        table,
                        Statistics.NONE,
                        new ShardIndex.Provenance(options.program, options.date, describe(), counted))
                .write(partial);
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

    /// Reads all frames and writes the shards of this rank.
    ///
    /// @return shards of the set
    private int writeShards(String set, int[] frames) {
        FrameCheck check = new FrameCheck(options.required, options.periodic);
        ShardBuilder builder = new ShardBuilder(partial, set, check, options.neighbours, options.attention);
        List<Structure> shard = new ArrayList<>();
        int number = 0;
        long atoms = 0;
        for (int i = 0; i < inputs.size(); i++) {
            try (FrameSource source = inputs.get(i).frames.get()) {
                int added = 1;
                while (added > 0) {
                    if (atoms >= options.atomsPerShard) {
                        write(builder, number++, shard);
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
            write(builder, number++, shard);
        }
        return number;
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

    private void write(ShardBuilder builder, int number, List<Structure> frames) {
        if (isMine(number)) {
            builder.write(number, frames);
            LOG.debug("shard {}: {} frames", number, frames.size());
        }
    }

    private boolean isMine(int shard) {
        return shard % comm.size() == comm.rank();
    }

    /// Statistics of the training frames. The ranks read their shards back, checksums and all, and rank zero adds up
    /// what they find.
    private Statistics statistics(ShardIndex index) {
        ShardStatistics sums = new ShardStatistics();
        ElementEnergies fit = new ElementEnergies(ShardStatistics.ELEMENTS);
        ofShards(index, (file, shard) -> ShardStatistics.of(file, index, shard), ofShard -> {
            sums.add(ofShard);
            ofShard.energies.forEach((composition, energy) -> fit.add(
                    composition.row(ShardStatistics.ELEMENTS), energy.spread().mean()[0], energy.count()));
        });
        double[] elementEnergies = comm.isRoot() ? fit.solve() : new double[ShardStatistics.ELEMENTS];
        if (index.content().energy()) {
            comm.broadcast(elementEnergies, 0);
            ofShards(
                    index,
                    (file, shard) -> ShardStatistics.energyPerAtom(file, index, shard, elementEnergies),
                    sums::add);
        }
        if (comm.isRoot() && !sums.unseen().isEmpty()) {
            LOG.warn(
                    "{}: no training frame has {}, other frames do",
                    options.out,
                    sums.unseen().stream().map(Elements::symbol).toList());
        }
        return sums.statistics(index, elementEnergies);
    }

    /// Work on each shard by its rank. Rank zero gets the results in the order of the shards, some at a time.
    private void ofShards(ShardIndex index, ShardWork work, Consumer<ShardStatistics> use) {
        int shards = index.shards().size();
        int together = Math.max(AT_ONCE, comm.size());
        for (int from = 0; from < shards; from += together) {
            int first = from;
            int end = Math.min(shards, from + together);
            Map<Integer, byte[]> mine = new HashMap<>();
            agree(() -> {
                for (int shard = first; shard < end; shard++) {
                    if (isMine(shard)) {
                        try (Arena arena = Arena.ofConfined()) {
                            ShardIndex.Shard of = index.shards().get(shard);
                            ShardFile file = new ShardFile(partial, of, index.set(), shard, true, arena);
                            mine.put(shard, work.of(file, shard).toBytes());
                        }
                    }
                }
            });
            for (int shard = from; shard < end; shard += AT_ONCE) {
                gather(shard, Math.min(end, shard + AT_ONCE), mine, use);
            }
        }
    }

    private interface ShardWork {
        ShardStatistics of(ShardFile file, int shard);
    }

    private void gather(int first, int end, Map<Integer, byte[]> mine, Consumer<ShardStatistics> use) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int shard = first; shard < end; shard++) {
            byte[] result = mine.get(shard);
            if (result != null) {
                bytes.writeBytes(
                        ByteBuffer.allocate(Integer.BYTES).putInt(result.length).array());
                bytes.writeBytes(result);
            }
        }
        List<ByteBuffer> all = comm.gather(bytes.toByteArray(), 0).stream()
                .map(ByteBuffer::wrap)
                .toList();
        for (int shard = first; shard < end && comm.isRoot(); shard++) {
            ByteBuffer ofRank = all.get(shard % comm.size());
            byte[] result = new byte[ofRank.getInt()];
            ofRank.get(result);
            use.accept(ShardStatistics.of(result));
        }
    }

    // --- between ranks ---

    /// Work of rank zero whose result all ranks get.
    private byte[] fromRoot(Supplier<byte[]> work) {
        byte[][] result = {new byte[0]};
        agree(() -> {
            if (comm.isRoot()) {
                result[0] = work.get();
            }
        });
        return comm.broadcast(result[0], 0);
    }

    /// Runs something on every rank. If it fails on any, it fails on all, with the message of the first, once
    /// nothing of the set is left.
    private void agree(Runnable work) {
        RuntimeException own = null;
        try {
            work.run();
        } catch (RuntimeException e) {
            own = e;
        }
        byte[] message =
                own == null ? new byte[0] : String.valueOf(own.getMessage()).getBytes(StandardCharsets.UTF_8);
        List<byte[]> failures = comm.gather(message, 0);
        byte[] first = failures.stream().filter(m -> m.length > 0).findFirst().orElse(new byte[0]);
        byte[] verdict = comm.broadcast(first, 0);
        if (verdict.length > 0) {
            if (comm.isRoot()) {
                delete(partial);
            }
            comm.broadcast(new byte[0], 0); // rank zero goes on first, and speaks for all
            throw own != null ? own : new DataException(new String(verdict, StandardCharsets.UTF_8));
        }
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
