package org.iolaus.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.iolaus.atoms.Elements;
import org.iolaus.data.Counts;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Split;
import org.iolaus.data.Statistics;
import org.iolaus.train.report.JsonLine;

/// What a shard set holds, as text and as JSON.
public final class ShardReport {
    private ShardReport() {}

    /// The lines that matter most.
    public static List<String> summary(ShardIndex index) {
        ShardIndex.Content content = index.content();
        Statistics statistics = index.statistics();
        List<String> lines = new ArrayList<>();
        lines.add("shards      %s: %d frames in %d files, %.1f MB, set %s"
                .formatted(index.name(), index.graphs(), index.shards().size(), bytes(index) / 1e6, index.set()));
        for (Split split : Split.values()) {
            int[] graphs = index.table().graphs(split);
            if (graphs.length > 0) {
                lines.add("%-12s%d frames, %d atoms, %d edges"
                        .formatted(
                                split.name().toLowerCase(Locale.ROOT),
                                graphs.length,
                                total(index.atoms(), graphs),
                                total(index.edges(), graphs)));
            }
        }
        lines.add("frame       up to %d atoms, %d edges"
                .formatted(index.atoms().max(), index.edges().max()));
        lines.add("cutoff      %s Å, %s; %s neighbours per atom on average"
                .formatted(
                        content.cutoffAngstrom(),
                        content.maxNeighbours() == null ? "all neighbours" : "at most " + content.maxNeighbours(),
                        number(statistics.averageNeighbours())));
        lines.add("holds       " + String.join(", ", quantities(content)));
        return lines;
    }

    /// Everything else.
    public static List<String> details(ShardIndex index) {
        Statistics statistics = index.statistics();
        List<String> lines = new ArrayList<>();
        lines.add("elements    of the training frames, with atoms and energy by least squares:");
        for (int e = 0; e < statistics.elements().length; e++) {
            lines.add("  %-2s %12d %16s eV"
                    .formatted(
                            Elements.symbol(statistics.elements()[e]),
                            statistics.elementAtoms()[e],
                            number(statistics.elementEnergy()[e])));
        }
        lines.add("energy      per atom less the elements': mean %s eV, std %s eV"
                .formatted(number(statistics.energyPerAtomMean()), number(statistics.energyPerAtomStd())));
        lines.add("forces      root mean square %s eV/Å".formatted(number(statistics.forceRms())));
        lines.add("columns     of the training frames: component, mean, std, min, max");
        statistics.columns().forEach((name, spread) -> {
            for (int i = 0; i < spread.mean().length; i++) {
                lines.add("  %-28s %3d %14s %14s %14s %14s"
                        .formatted(
                                i == 0 ? name : "",
                                i,
                                number(spread.mean()[i]),
                                number(spread.std()[i]),
                                number(spread.min()[i]),
                                number(spread.max()[i])));
            }
        });
        lines.add("degrees     " + degrees(statistics.degree()));
        ShardIndex.Provenance provenance = index.provenance();
        lines.add("made        %s by %s".formatted(provenance.date(), provenance.program()));
        lines.add("options     " + provenance.options());
        for (ShardIndex.Source source : provenance.sources()) {
            lines.add("source      %s: %d frames, %d bytes, CRC-32C %08x"
                    .formatted(source.file(), source.frames(), source.bytes(), source.crc32c()));
        }
        return lines;
    }

    private static List<String> quantities(ShardIndex.Content content) {
        List<String> quantities = new ArrayList<>(List.of("positions (Å)", "cell (Å)"));
        if (content.energy()) {
            quantities.add("energy (eV)");
        }
        if (content.forces()) {
            quantities.add("forces (eV/Å)");
        }
        if (content.stress()) {
            quantities.add("stress (eV/Å³)");
        }
        content.atomColumns().forEach((name, width) -> quantities.add(name + " (" + width + " per atom)"));
        content.graphColumns().forEach((name, width) -> quantities.add(name + " (" + width + " per frame)"));
        return quantities;
    }

    private static String degrees(long[] degree) {
        return IntStream.range(0, degree.length)
                .filter(k -> degree[k] > 0)
                .mapToObj(k -> k + ":" + degree[k])
                .collect(Collectors.joining(" "));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }

    private static long total(Counts counts, int[] graphs) {
        return Arrays.stream(graphs).mapToLong(counts::get).sum();
    }

    private static long bytes(ShardIndex index) {
        return index.shards().stream().mapToLong(ShardIndex.Shard::bytes).sum();
    }

    /// All of it as one JSON object.
    ///
    /// @param damages that were found
    public static String json(ShardIndex index, List<String> damages) {
        ShardIndex.Content content = index.content();
        Statistics statistics = index.statistics();
        JsonLine line = new JsonLine()
                .put("shards", index.name())
                .put("set", index.set())
                .put("files", index.shards().size())
                .put("bytes", bytes(index))
                .put("frames", index.graphs());
        for (Split split : Split.values()) {
            line.put(split.name().toLowerCase(Locale.ROOT), index.table().size(split));
        }
        line.put("atoms", index.atoms().sum())
                .put("edges", index.edges().sum())
                .put("cutoff", content.cutoffAngstrom())
                .raw("max_neighbours", String.valueOf(content.maxNeighbours()))
                .put("energy", content.energy())
                .put("forces", content.forces())
                .put("stress", content.stress())
                .raw("atom_columns", widths(content.atomColumns()))
                .raw("graph_columns", widths(content.graphColumns()))
                .raw("elements", Arrays.toString(statistics.elements()))
                .raw("element_atoms", Arrays.toString(statistics.elementAtoms()))
                .raw("element_energy", Arrays.toString(statistics.elementEnergy()))
                .put("energy_per_atom_mean", statistics.energyPerAtomMean())
                .put("energy_per_atom_std", statistics.energyPerAtomStd())
                .put("force_rms", statistics.forceRms())
                .put("average_neighbours", statistics.averageNeighbours())
                .raw("pna_deg", Arrays.toString(statistics.degree()))
                .put("date", index.provenance().date())
                .put("program", index.provenance().program())
                .put("options", index.provenance().options())
                .raw(
                        "sources",
                        list(index.provenance().sources().stream()
                                .map(source -> new JsonLine()
                                        .put("file", source.file())
                                        .put("frames", source.frames())
                                        .put("bytes", source.bytes())
                                        .put("crc32c", source.crc32c())
                                        .toString())
                                .toList()))
                .raw(
                        "damages",
                        list(damages.stream()
                                .map(damage ->
                                        new JsonLine().put("damage", damage).toString())
                                .toList()));
        return line.toString();
    }

    private static String widths(Map<String, Integer> columns) {
        JsonLine line = new JsonLine();
        columns.forEach(line::put);
        return line.toString();
    }

    private static String list(List<String> objects) {
        return "[" + String.join(", ", objects) + "]";
    }
}
