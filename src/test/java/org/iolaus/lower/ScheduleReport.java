package org.iolaus.lower;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Program;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.model.Model;
import org.iolaus.nn.Loss;
import org.iolaus.op.Concat;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Sizes;

/// Prints what training steps of the timing models cost after lowering: launches, bytes, and the time on an H100 that
/// follows if every step takes the longest of its launch, its bytes, what it gathers and its products.
///
/// `java org.iolaus.lower.ScheduleReport [MODEL GRAPHS energy|forces]`; with arguments, the dearest steps of that case.
final class ScheduleReport {
    private static final double BYTES_PER_SECOND = 2.5e12;
    private static final double FLOPS_PER_SECOND = 40e12;
    /// Of the second-level cache, through which gathered rows come again and again.
    private static final double CACHE_BYTES_PER_SECOND = 5.5e12;
    private static final double LAUNCH_SECONDS = 1e-6;
    private static final int ELEMENT_BYTES = 4;

    private static final Map<String, Sizes> GRAPHS = new TreeMap<>(Map.of(
            "mol18x64", new Sizes(Map.of("N", 1152, "E", 15614, "G", 64)),
            "mat64x32", new Sizes(Map.of("N", 2048, "E", 46516, "G", 32))));

    private ScheduleReport() {}

    /// A model of `bench/configs`.
    static Model model(String type, boolean forces) {
        Path file = Path.of("bench/configs", type + (forces ? "_forces.json" : "_energy.json"));
        Config config = ConfigReader.read(file, List.of("input_dim=1"));
        return new Model(config.neuralNetwork().architecture(), Loss.MSE, 0);
    }

    /// Steps on the longest chain in which each needs the one before.
    private static int chain(Schedule schedule) {
        Map<Integer, Integer> written = new HashMap<>();
        int longest = 0;
        for (Step step : schedule.steps()) {
            int length = 1;
            for (int buffer : Schedule.reads(step)) {
                length = Math.max(length, 1 + written.getOrDefault(buffer, 0));
            }
            for (int buffer : Schedule.writes(step)) {
                written.merge(buffer, length, Math::max);
            }
            longest = Math.max(longest, length);
        }
        return longest;
    }

    /// Elements that loops gather through an index that does not ascend: each time from the cache.
    private static long gathered(Schedule schedule, Fused fused, Sizes sizes) {
        long gathered = 0;
        for (Loop loop : fused.loops()) {
            int walked = loop.walk() instanceof Loop.Walk.Segments segments ? segments.indexBuffer() : Loop.NO_INDEX;
            for (Loop.Load load : loop.body().loads()) {
                int index = load.indexBuffer();
                boolean jumps = index != Loop.NO_INDEX
                        && index != walked
                        && schedule.buffers().get(index).label().equals("edge_source");
                gathered += jumps ? loop.iteration().volume().value(sizes) : 0;
            }
        }
        return gathered;
    }

    private record Priced(String kind, String text, int launches, Cost cost, long gathered) {
        double seconds() {
            double memory = cost.elements() * ELEMENT_BYTES / BYTES_PER_SECOND;
            double cache = (cost.elements() + gathered) * ELEMENT_BYTES / CACHE_BYTES_PER_SECOND;
            double arithmetic = kind.equals("MatMul") ? cost.flops() / FLOPS_PER_SECOND : 0;
            return Math.max(Math.max(launches * LAUNCH_SECONDS, arithmetic), Math.max(memory, cache));
        }
    }

    private static List<Priced> price(Schedule schedule, Sizes sizes) {
        String[] lines = schedule.toString().split("\n");
        List<Priced> steps = new ArrayList<>();
        for (Step step : schedule.steps()) {
            Cost cost = schedule.cost(step, sizes);
            steps.add(
                    switch (step) {
                        case Call call ->
                            new Priced(
                                    call.op() instanceof MatMul
                                            ? "MatMul"
                                            : call.op().name(),
                                    lines[steps.size()].strip() + " <- "
                                            + call.node().inputs().stream()
                                                    .map(input -> input.type().toString())
                                                    .toList(),
                                    call.op() instanceof Concat ? call.inputs().size() : 1,
                                    cost,
                                    0);
                        case Fused fused ->
                            new Priced("loop", lines[steps.size()], 1, cost, gathered(schedule, fused, sizes));
                    });
        }
        return steps;
    }

    public static void main(String[] arguments) {
        if (arguments.length == 0) {
            System.out.printf("| model | graphs | launches | chain | GEMM | GB | GFLOP | ms |%n");
            for (String graphs : GRAPHS.keySet()) {
                for (boolean forces : new boolean[] {false, true}) {
                    for (String type : List.of("schnet", "egnn", "painn")) {
                        Program program = model(type, forces).train();
                        Schedule schedule = Lowering.run(program, Target.DEVICE);
                        List<Priced> steps = price(schedule, GRAPHS.get(graphs));
                        System.out.printf(
                                Locale.ROOT,
                                "| %s %s | %s | %d | %d | %d | %.3f | %.1f | %.3f |%n",
                                type,
                                forces ? "forces" : "energy",
                                graphs,
                                steps.stream().mapToInt(Priced::launches).sum(),
                                chain(schedule),
                                steps.stream()
                                        .filter(s -> s.kind().equals("MatMul"))
                                        .count(),
                                steps.stream()
                                                .mapToLong(s -> s.cost().elements())
                                                .sum()
                                        * 1e-9
                                        * ELEMENT_BYTES,
                                steps.stream()
                                                .filter(s -> s.kind().equals("MatMul"))
                                                .mapToLong(s -> s.cost().flops())
                                                .sum()
                                        * 1e-9,
                                steps.stream().mapToDouble(Priced::seconds).sum() * 1e3);
                    }
                }
            }
            return;
        }
        Schedule schedule =
                Lowering.run(model(arguments[0], arguments[2].equals("forces")).train(), Target.DEVICE);
        List<Priced> steps = price(schedule, GRAPHS.get(arguments[1]));
        Map<String, List<Priced>> kinds = new TreeMap<>();
        steps.forEach(step ->
                kinds.computeIfAbsent(step.kind(), key -> new ArrayList<>()).add(step));
        kinds.forEach((kind, list) -> System.out.printf(
                Locale.ROOT,
                "%-12s %4d launches %8.1f MB %8.1f us%n",
                kind,
                list.stream().mapToInt(Priced::launches).sum(),
                list.stream().mapToLong(s -> s.cost().elements()).sum() * 1e-6 * ELEMENT_BYTES,
                list.stream().mapToDouble(Priced::seconds).sum() * 1e6));
        if (arguments.length > 3) {
            if (arguments[3].equals("dearest")) {
                steps.sort(Comparator.comparingDouble(Priced::seconds).reversed());
            }
            steps.forEach(step -> System.out.printf(
                    Locale.ROOT,
                    "%7.2f us %7.2f MB  %s%n",
                    step.seconds() * 1e6,
                    step.cost().elements() * 1e-6 * ELEMENT_BYTES,
                    step.text()));
        }
    }
}
