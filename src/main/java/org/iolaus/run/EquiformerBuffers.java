package org.iolaus.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.iolaus.attention.equiformer.DistanceExpansion;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.Equiformer;
import org.iolaus.model.Architecture.EquiformerEdges;
import org.iolaus.so3.S2Grid;
import org.iolaus.tensor.HostTensor;

/// Compares the buffers of a saved EquiformerV2 that follow from its settings with what they would be here. So differ
/// settings that no weight's shape tells, such as the grid's resolution and the range of distances.
public final class EquiformerBuffers {
    /// Relative to the largest number; buffers are rounded to float32 or less.
    private static final double TOLERANCE = 1e-2;

    private EquiformerBuffers() {}

    /// A line for each buffer that other settings made.
    ///
    /// @param buffers their names without wrappers, and what `read` knows them by
    public static List<String> faults(
            Architecture architecture, Map<String, String> buffers, Function<String, HostTensor> read) {
        Equiformer settings = architecture.attention().equiformer();
        List<String> faults = new ArrayList<>();
        int lmax = settings.lmaxList().getFirst();
        for (int mmax : List.of(settings.mmaxList().getFirst(), lmax)) {
            Integer resolution = settings.gridResolution();
            S2Grid grid = resolution == null ? S2Grid.of(lmax, mmax) : S2Grid.of(lmax, mmax, resolution);
            int polar = grid.betas().length;
            int azimuths = grid.alphas().length;
            int[] shape = {polar, azimuths, grid.to().length / (polar * azimuths)};
            String place = "SO3_grid." + lmax + "." + mmax;
            String setting = "equiformer_grid_resolution " + resolution;
            check(place + ".to_grid_mat", new HostTensor(shape, grid.to()), setting, buffers, read, faults);
            check(place + ".from_grid_mat", new HostTensor(shape, grid.from()), setting, buffers, read, faults);
        }
        if (settings.distanceFunction() == DistanceExpansion.Function.GAUSSIAN) {
            Double local = architecture.radius();
            double radius = settings.edges() == EquiformerEdges.LOCAL && local != null ? local : settings.radius();
            double[] centres = new double[settings.numDistanceBasis()];
            Arrays.setAll(centres, i -> radius * i / (centres.length - 1));
            HostTensor want = new HostTensor(new int[] {centres.length}, centres);
            String setting = "a cutoff of " + radius + " Å and equiformer_num_distance_basis " + centres.length;
            check("distance_expansion.offset", want, setting, buffers, read, faults);
        }
        return faults;
    }

    private static void check(
            String name,
            HostTensor want,
            String setting,
            Map<String, String> buffers,
            Function<String, HostTensor> read,
            List<String> faults) {
        String theirs = buffers.get(name);
        if (theirs == null) {
            return;
        }
        HostTensor got = read.apply(theirs);
        if (!Arrays.equals(want.shape(), got.shape())) {
            faults.add("%s: want %s with %s, got %s"
                    .formatted(name, Arrays.toString(want.shape()), setting, Arrays.toString(got.shape())));
            return;
        }
        double largest = Arrays.stream(want.data()).map(Math::abs).max().orElse(0);
        for (int i = 0; i < want.data().length; i++) {
            if (!(Math.abs(want.data()[i] - got.data()[i]) <= TOLERANCE * largest)) {
                faults.add("%s: want %.6g as number %d with %s, got %.6g"
                        .formatted(name, want.data()[i], i, setting, got.data()[i]));
                return;
            }
        }
    }
}
