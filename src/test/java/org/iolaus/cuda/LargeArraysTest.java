package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Lowering;
import org.iolaus.lower.MemoryPlan;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Target;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.Expr;
import org.iolaus.op.GridActivation;
import org.iolaus.op.ProductGrid;
import org.iolaus.op.ProductGrid.Matrix;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Offsets in arrays of more than 2^31 and 2^32 elements. Memory is a file with holes, and of a kernel only the last
/// blocks run: those that own the last elements.
final class LargeArraysTest {
    /// Rows of 64 numbers: 192 elements more than 32 bits tell apart.
    private static final int ROWS = (1 << 26) + 3;

    private static final int COLUMNS = 64;
    private static final long BYTES = 4;

    @TempDir
    private Path folder;

    private final Arena arena = Arena.ofShared();
    private Emulated emulated;
    private MemorySegment space;
    private long used = 4096;

    @BeforeEach
    void open() throws IOException {
        emulated = new Emulated((int) BYTES);
        try (FileChannel file = FileChannel.open(
                folder.resolve("holes"),
                StandardOpenOption.CREATE,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            space = file.map(FileChannel.MapMode.READ_WRITE, 0, 160L << 30, arena);
        }
    }

    @AfterEach
    void close() {
        emulated.close();
        arena.close();
    }

    /// Address of an array of so many numbers, all of them 0.
    private long array(long numbers) {
        long at = used;
        used += (numbers * BYTES + 4095) / 4096 * 4096;
        assertTrue(used <= space.byteSize());
        return space.address() + at;
    }

    private void set(long array, long i, double value) {
        space.set(ValueLayout.JAVA_FLOAT, array - space.address() + BYTES * i, (float) value);
    }

    private double get(long array, long i) {
        return space.get(ValueLayout.JAVA_FLOAT, array - space.address() + BYTES * i);
    }

    private void setInt(long array, long i, int value) {
        space.set(ValueLayout.JAVA_INT, array - space.address() + BYTES * i, value);
    }

    private void startLast(List<Work> works, int blocks) {
        assertEquals(1, works.size());
        emulated.device.startLast((Work.Launch) works.getFirst(), blocks);
    }

    // kernels that are written by hand

    @Test
    void copies() {
        long x = array((long) ROWS * COLUMNS);
        long y = array((long) ROWS * COLUMNS);
        long last = (long) ROWS * COLUMNS - 1;
        set(x, last, 5);
        startLast(emulated.kernels.copy(x, y, ROWS, COLUMNS, COLUMNS, COLUMNS), 1);
        assertEquals(5, get(y, last));
        assertEquals(0, get(y, last & 0xffffffffL));
    }

    @Test
    void padding() {
        int rows = 1 << 24;
        long x = array(rows * 120L);
        long y = array(rows * 127L);
        set(x, rows * 120L - 1, 5);
        startLast(emulated.kernels.perElement("pad", rows * 127L, x, y, rows, 120, 3, 127), 1);
        assertEquals(5, get(y, rows * 127L - 5));
        assertRefused(() -> emulated.kernels.perElement("pad", 2 * rows * 127L, x, y, 2 * rows, 120, 3, 127));
    }

    @Test
    void splitFactors() {
        long x = array((long) ROWS * COLUMNS);
        long y = array(3L * ROWS * COLUMNS);
        set(x, (long) ROWS * COLUMNS - 1, 5);
        startLast(emulated.kernels.split(false, x, y, ROWS, COLUMNS), 1);
        assertEquals(5, get(y, 3L * ROWS * COLUMNS - 1));
        assertEquals(0, get(y, 3L * ROWS * COLUMNS - 1 - COLUMNS), "what tensor cores lack of 5");
        assertEquals(5, get(y, 3L * ROWS * COLUMNS - 1 - 2 * COLUMNS));
    }

    @Test
    void dropoutMasks() {
        long n = (1L << 31) - 256;
        long key = array(2);
        long y = array(n);
        startLast(emulated.kernels.perElement("dropout_mask", n, key, y, Double.doubleToRawLongBits(0.5), 7, n), 1);
        for (long i = n - 256; i < n; i++) {
            assertTrue(get(y, i) == 2 || (get(y, i) == 0), "element " + i);
        }
        assertTrue(get(y, n - 1) + get(y, n - 2) + get(y, n - 3) + get(y, n - 4) + get(y, n - 5) > 0);
        assertRefused(() -> emulated.kernels.perElement("dropout_mask", 1L << 32, key, y, 0, 7, 1L << 32));
    }

    @Test
    void segmentsOfLargeArrays() {
        long x = array((long) ROWS * COLUMNS);
        long y = array(COLUMNS);
        long start = array(2);
        long order = array(2);
        setInt(start, 1, 2);
        setInt(order, 0, ROWS - 1);
        setInt(order, 1, ROWS - 3);
        set(x, (ROWS - 1L) * COLUMNS + 63, 5);
        set(x, (ROWS - 3L) * COLUMNS + 63, 2);
        startLast(emulated.kernels.segmentSum(x, start, order, y, 1, COLUMNS, ROWS), 1);
        assertEquals(7, get(y, 63));
        startLast(emulated.kernels.segmentMax(x, start, order, y, 1, COLUMNS, ROWS), 1);
        assertEquals(5, get(y, 63));
    }

    @Test
    void largeArraysOfSegments() {
        long x = array(2 * COLUMNS);
        long y = array((long) ROWS * COLUMNS);
        long start = array(ROWS + 1L);
        setInt(start, ROWS, 2);
        set(x, 63, 5);
        set(x, COLUMNS + 63, 2);
        startLast(emulated.kernels.segmentSum(x, start, 0, y, ROWS, COLUMNS, 2), 1);
        assertEquals(7, get(y, (long) ROWS * COLUMNS - 1));
        assertRefused(() -> emulated.kernels.segmentSum(x, start, 0, y, ROWS, 1 << 10, 2));
    }

    @Test
    void sums() {
        // short sums, long ones by groups of threads, and few rows of many columns
        for (long[] shape : new long[][] {{ROWS, 16, 4}, {1 << 25, 40, 4}, {1, 20, 1 << 28}}) {
            long x = array(shape[0] * shape[1] * shape[2]);
            long y = array(shape[0] * shape[2]);
            set(x, shape[0] * shape[1] * shape[2] - 1, 5);
            set(x, shape[0] * shape[1] * shape[2] - 1 - shape[2], 2);
            startLast(emulated.kernels.reduceSum(x, false, y, 0, shape[0], shape[1], shape[2]), 1);
            assertEquals(7, get(y, shape[0] * shape[2] - 1));
            used = 4096;
        }
    }

    private static BilinearTerms terms() {
        return new BilinearTerms(2, 2, 2, List.of(new BilinearTerms.Term(1, 1, 1, 3)));
    }

    @Test
    void bilinearMaps() {
        BilinearKernels kernels = emulated.kernels.bilinear(terms(), false, false);
        int channels = COLUMNS / 2;
        long a = array(2L * ROWS);
        long x = array((long) ROWS * COLUMNS);
        long y = array((long) ROWS * COLUMNS);
        long last = (long) ROWS * COLUMNS - 1;
        set(a, 2L * ROWS - 1, 2);
        set(x, last, 5);
        startLast(kernels.product(a, x, 0, y, ROWS, channels), 1);
        assertEquals(30, get(y, last));
        long z = array(2L * ROWS);
        set(y, last, 7);
        startLast(kernels.outer(y, x, z, ROWS, channels), 1);
        assertEquals(3 * 7 * 5, get(z, 2L * ROWS - 1));
        // there: rows of many; back: sums over few of many
        long index = array(1);
        setInt(index, 0, ROWS - 1);
        set(a, 1, 2);
        startLast(kernels.product(a, x, index, y, 1, channels), 1);
        assertEquals(30, get(y, COLUMNS - 1));
        long start = array(2);
        setInt(start, 1, 1);
        startLast(kernels.summed(a, x, start, index, y, 1, channels), 1);
        assertEquals(30, get(y, COLUMNS - 1));
        assertRefused(() -> kernels.product(a, x, 0, y, 1L << 30, channels));
        assertRefused(() -> kernels.outer(y, x, z, 1L << 34, channels));
    }

    @Test
    void activationsOnGrids() {
        ProductGrid grid =
                new ProductGrid(1, new int[] {0, 0, 0, 0}, new double[] {0, 0, 0, 1}, new double[] {0, 0, 0, 1});
        int channels = 8;
        int items = (1 << 27) + 1;
        GridKernel kernel =
                emulated.kernels.gridActivation(new GridActivation(grid, 0, Matrix.FROM, List.of()), false, 0);
        long x = array(4L * items * channels);
        long y = array(4L * items * channels);
        set(x, 4L * items * channels - 1, 40);
        startLast(kernel.of(List.of(x), y, items, channels), 1);
        assertEquals(40, get(y, 4L * items * channels - 1), 1e-5);
        assertRefused(() -> kernel.of(List.of(x), y, 1L << 30, channels));
    }

    @Test
    void matrixProducts() {
        long a = array((long) ROWS * COLUMNS);
        long b = array(4L * COLUMNS);
        long c = array(4L * ROWS);
        set(a, (long) ROWS * COLUMNS - 1, 5);
        set(b, 4L * COLUMNS - 1, 2);
        Work.Gemm product = new Work.Gemm(GemmFormat.FP32, ROWS, 4, COLUMNS, a, b, c);
        emulated.device.startLast(emulated.device.launchOf(product), 1);
        assertEquals(10, get(c, 4L * ROWS - 1));
        assertEquals(
                a + (long) ROWS * COLUMNS * BYTES, product.reads().getFirst().end());
        assertEquals(c + 4L * ROWS * BYTES, product.writes().getFirst().end());
    }

    // loops

    /// Binds a program of one loop, whose only input of numbers is x and whose only output is y.
    private Work.Launch loop(Node y, Map<String, Integer> sizes) {
        Program program = Program.of(Map.of("y", y));
        DeviceProgram device = new DeviceProgram(emulated.device, program, Precision.FP32, LowPrecision.NONE, null);
        Sizes bound = new Sizes(sizes);
        DeviceProgram.Memory memory = device.memory(bound);
        long inputs = array(memory.inputs() / BYTES);
        long output = array(y.shape().volume().value(bound));
        List<Task> tasks = device.bind(bound, Set.of(), new DeviceProgram.Places() {
                    @Override
                    public long arena() {
                        return 0;
                    }

                    @Override
                    public long workspace() {
                        return 0;
                    }

                    @Override
                    public long inputs() {
                        return inputs;
                    }

                    @Override
                    public long parameter(String name) {
                        return 0;
                    }

                    @Override
                    public long output(String name) {
                        return output;
                    }
                })
                .tasks();
        assertEquals(1, tasks.size(), device.schedule()::toString);
        return (Work.Launch) tasks.getFirst().work();
    }

    private static long argument(Work.Launch launch, int number) {
        return launch.arguments().getAtIndex(ValueLayout.JAVA_LONG, number);
    }

    @Test
    void loopsOverEveryElement() {
        Work.Launch launch = loop(Expr.scale(Expr.input("x", Shape.of("N", COLUMNS)), 2), Map.of("N", ROWS));
        long last = (long) ROWS * COLUMNS - 1;
        set(argument(launch, 0), last, 5);
        emulated.device.startLast(launch, 1);
        assertEquals(10, get(argument(launch, 1), last));
        assertEquals(0, get(argument(launch, 1), last & 0xffffffffL));
    }

    /// As in the thirds of what a product writes: few enough elements, but far apart.
    @Test
    void loopsOverPartsOfRows() {
        int rows = 12_000_000;
        Node x = Expr.input("x", Shape.of("N", 384));
        Work.Launch launch = loop(Expr.scale(Expr.slice(x, 1, 256, 128), 2), Map.of("N", rows));
        set(argument(launch, 0), rows * 384L - 1, 5);
        emulated.device.startLast(launch, 1);
        assertEquals(10, get(argument(launch, 1), rows * 128L - 1));
    }

    @Test
    void loopsOverGatheredRows() {
        Node x = Expr.input("x", Shape.of("N", COLUMNS));
        Node index = Expr.index("index", Dim.symbol("E"), Dim.symbol("N"));
        Work.Launch launch = loop(Expr.scale(Expr.gather(x, index), 2), Map.of("N", ROWS, "E", 1));
        setInt(argument(launch, 1), 0, ROWS - 1);
        set(argument(launch, 0), (long) ROWS * COLUMNS - 1, 5);
        emulated.device.startLast(launch, 1);
        assertEquals(10, get(argument(launch, 2), COLUMNS - 1));
    }

    @Test
    void loopsThatSumOverColumns() {
        Node x = Expr.input("x", Shape.of("N", COLUMNS));
        Work.Launch launch = loop(Expr.sum(Expr.square(x), 1), Map.of("N", ROWS));
        set(argument(launch, 0), (long) ROWS * COLUMNS - 1, 5);
        emulated.device.startLast(launch, 1);
        assertEquals(25, get(argument(launch, 1), ROWS - 1));
    }

    @Test
    void loopsThatSumSegments() {
        Node x = Expr.input("x", Shape.of("E", COLUMNS));
        Node index = Expr.index("index", Dim.symbol("E"), Dim.symbol("N"));
        Work.Launch launch = loop(Expr.segmentSum(Expr.square(x), index), Map.of("N", 1, "E", ROWS));
        set(argument(launch, 0), (ROWS - 1L) * COLUMNS + 63, 5);
        set(argument(launch, 0), (ROWS - 3L) * COLUMNS + 63, 2);
        setInt(argument(launch, 2), 1, 2);
        setInt(argument(launch, 3), 0, ROWS - 1);
        setInt(argument(launch, 3), 1, ROWS - 3);
        emulated.device.startLast(launch, 1);
        assertEquals(29, get(argument(launch, 1), 63));
    }

    @Test
    void loopsThatSumRowsInChunks() {
        Node x = Expr.input("x", Shape.of("E", COLUMNS));
        Program program = Program.of(Map.of("y", Expr.sum(Expr.square(x), 0)));
        DeviceProgram device = new DeviceProgram(emulated.device, program, Precision.FP32, LowPrecision.NONE, null);
        Sizes sizes = new Sizes(Map.of("E", ROWS));
        DeviceProgram.Memory memory = device.memory(sizes);
        long arrays = array((memory.inputs() + memory.arena() + memory.workspace()) / BYTES + COLUMNS);
        Task first = device.bind(sizes, Set.of(), new DeviceProgram.Places() {
                    @Override
                    public long arena() {
                        return arrays + memory.inputs();
                    }

                    @Override
                    public long workspace() {
                        return arrays + memory.inputs() + memory.arena();
                    }

                    @Override
                    public long inputs() {
                        return arrays;
                    }

                    @Override
                    public long parameter(String name) {
                        return 0;
                    }

                    @Override
                    public long output(String name) {
                        return arrays + memory.inputs() + memory.arena() + memory.workspace();
                    }
                })
                .tasks()
                .getFirst();
        set(arrays, (long) ROWS * COLUMNS - 1, 5);
        Work.Launch launch = (Work.Launch) first.work();
        long results = argument(launch, 3);
        assertTrue(results > 1, "the first of two passes");
        emulated.device.startLast(launch, 1);
        assertEquals(25, get(argument(launch, 1), results * COLUMNS - 1));
    }

    // what is laid out

    @Test
    void inputsOfLargeBatchesDoNotOverlap() {
        Node x = Expr.input("x", Shape.of("N", COLUMNS));
        Node z = Expr.input("z", Shape.of("N", 1));
        Program program = Program.of(Map.of("y", Expr.mul(x, z)));
        Schedule schedule = Lowering.run(program, Target.DEVICE, LowPrecision.NONE);
        Sizes sizes = new Sizes(Map.of("N", ROWS));
        InputLayout layout = new InputLayout(schedule, Precision.FP64, Set.of(), sizes, Set.of());
        assertTrue(layout.bytes() >= 8L * ROWS * (COLUMNS + 1));
        long[] address = new long[schedule.buffers().size()];
        layout.addresses(1 << 10, address, new Csr[address.length]);
        for (Schedule.Buffer buffer : schedule.buffers()) {
            for (Schedule.Buffer other : schedule.buffers()) {
                if (buffer.storage() == Schedule.Storage.INPUT
                        && other.storage() == Schedule.Storage.INPUT
                        && address[buffer.number()] < address[other.number()]) {
                    long bytes = 8 * buffer.elements(sizes);
                    assertTrue(address[buffer.number()] + bytes <= address[other.number()]);
                }
            }
        }
        Map<String, HostTensor> few = Map.of("x", HostTensor.scalar(1), "z", HostTensor.scalar(1));
        String message = assertThrows(ShapeException.class, () -> layout.pack(MemorySegment.NULL, few, Map.of()))
                .getMessage();
        assertTrue(message.contains("numbers, got 1"), message);
    }

    /// The host's arrays end at 2^31: a larger batch is refused before anything is computed.
    @Test
    void theHostRefusesLargeBatches() {
        int rows = (1 << 21) + 1;
        Node x = Expr.input("x", Shape.of("N", 1));
        Node w = Expr.parameter("w", Shape.of(1, 1024));
        Program program = Program.of(Map.of("y", Expr.sumAll(Expr.square(Expr.matmul(x, w)))));
        Sizes sizes = new Sizes(Map.of("N", rows));
        Schedule schedule = Lowering.run(program, Target.HOST);
        assertTrue(MemoryPlan.of(schedule, sizes).elements() >= rows * 1024L);
        try (CpuExecutor host = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
            Map<String, HostTensor> floats = Map.of("x", new HostTensor(new int[] {rows, 1}, new double[rows]));
            HostTensor weight = new HostTensor(new int[] {1, 1024}, new double[1024]);
            String message = assertThrows(RuntimeException.class, () -> host.run(floats, Map.of(), Map.of("w", weight)))
                    .getMessage();
            assertTrue(message.contains("make the batch smaller"), message);
        }
    }

    private static void assertRefused(Runnable launch) {
        String message =
                String.valueOf(assertThrows(DeviceException.class, launch::run).getMessage());
        assertTrue(message.contains("want fewer than 2^31"), message);
    }
}
