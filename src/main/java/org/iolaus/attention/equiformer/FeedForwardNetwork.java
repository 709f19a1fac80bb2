package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.jspecify.annotations.Nullable;

/// Each atom's features through a dense layer of every degree, a nonlinearity, and another dense layer.
///
/// The scalars that the nonlinearity reads come from the input at l = 0, of all resolutions together.
public final class FeedForwardNetwork {
    private final Settings settings;
    private final CoefficientMapping mapping;
    private final List<So3Linear> before = new ArrayList<>();
    private final List<So3Linear> after = new ArrayList<>();
    private final List<List<Linear>> gridLayers = new ArrayList<>();
    private final List<GridTransform> grids = new ArrayList<>();
    private final @Nullable Linear scalar;

    /// The nonlinearity between the dense layers.
    public enum Form {
        /// three dense layers over the channels of each grid point
        GRID,
        /// the same, but l = 0 comes from scalars
        GRID_SEPARABLE,
        GATE,
        SEPARABLE_S2,
        S2;

        /// The form that the flags of a configuration ask for. The grid has precedence over the gate, the gate over
        /// the separable form.
        public static Form of(boolean grid, boolean gate, boolean separable) {
            if (grid) {
                return separable ? GRID_SEPARABLE : GRID;
            }
            return gate ? GATE : separable ? SEPARABLE_S2 : S2;
        }

        boolean onGrid() {
            return this != GATE;
        }

        boolean hasGridLayers() {
            return this == GRID || this == GRID_SEPARABLE;
        }
    }

    /// Sizes and form.
    ///
    /// @param hidden channels between the dense layers
    /// @param gridResolution even; null for the default grid
    public record Settings(int hidden, Form form, @Nullable Integer gridResolution, WeightInit init) {}

    public FeedForwardNetwork(Scope scope, CoefficientMapping mapping, int channels, int out, Settings settings) {
        this.settings = settings;
        this.mapping = mapping;
        int hidden = settings.hidden();
        WeightInit init = settings.init();
        for (int i = 0; i < mapping.resolutions(); i++) {
            int lmax = mapping.lmaxList().get(i);
            before.add(new So3Linear(Names.resolution(scope.at("so3_linear_1"), i), lmax, channels, hidden, init));
            after.add(new So3Linear(Names.resolution(scope.at("so3_linear_2"), i), lmax, hidden, out, init));
            if (settings.form().onGrid()) {
                grids.add(GridTransform.ofNodes(lmax, settings.gridResolution()));
            }
            if (settings.form().hasGridLayers()) {
                Scope layers = Names.resolution(scope.at("grid_mlp"), i);
                gridLayers.add(List.of(gridLayer(layers.at(0)), gridLayer(layers.at(2)), gridLayer(layers.at(4))));
            }
        }
        int scalars = mapping.resolutions() * channels;
        scalar = switch (settings.form()) {
            case GRID, S2 -> null;
            case GRID_SEPARABLE -> dense(scope.at("scalar_mlp").at(0), scalars, mapping.resolutions() * hidden);
            case GATE -> dense(scope.at("gating_linear"), scalars, GateActivation.gates(mapping) * hidden);
            case SEPARABLE_S2 -> dense(scope.at("gating_linear"), scalars, mapping.resolutions() * hidden);
        };
    }

    private Linear gridLayer(Scope scope) {
        int hidden = settings.hidden();
        return Linear.of(scope, hidden, hidden, settings.init().dense(hidden), null);
    }

    private Linear dense(Scope scope, int in, int out) {
        return Linear.of(scope, in, out, settings.init().dense(in), Initializer.constant(0));
    }

    public So3Embedding apply(So3Embedding x) {
        Node scalars = scalar == null ? null : scalar.apply(x.scalars());
        List<Node> changed = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < mapping.resolutions(); i++) {
            Node hidden = before.get(i).apply(x.values().get(i));
            Node own = null;
            if (scalars != null) {
                int width = settings.hidden()
                        * (settings.form() == Form.GATE ? mapping.lmaxList().get(i) : 1);
                own = Expr.slice(scalars, 1, start, width);
                start += width;
            }
            changed.add(after.get(i).apply(between(hidden, own, i)));
        }
        return new So3Embedding(mapping, changed);
    }

    /// (N, out): the output at l = 0, the sum over resolutions. Other degrees are not computed if the output does not
    /// depend on them.
    public Node scalars(So3Embedding x) {
        Node scalars = scalar == null ? null : scalar.apply(x.scalars());
        Node sum = null;
        for (int i = 0; i < mapping.resolutions(); i++) {
            Node own = after.get(i).applyToDegree(scalarsBetween(x.values().get(i), scalars, i), 0);
            sum = sum == null ? own : Expr.add(sum, own);
        }
        return Objects.requireNonNull(sum);
    }

    /// (N, hidden): l = 0 of one resolution after the nonlinearity.
    private Node scalarsBetween(Node x, @Nullable Node scalars, int i) {
        int hidden = settings.hidden();
        return switch (settings.form()) {
            case GRID_SEPARABLE, SEPARABLE_S2 ->
                Activation.SILU.apply(Expr.slice(Objects.requireNonNull(scalars), 1, i * hidden, hidden));
            case GATE -> {
                Node first = Expr.squeeze(Expr.slice(x, 1, 0, 1), 1);
                yield Activation.SILU.apply(before.get(i).applyToDegree(first, 0));
            }
            case GRID, S2 -> Expr.squeeze(Expr.slice(between(before.get(i).apply(x), null, i), 1, 0, 1), 1);
        };
    }

    /// The nonlinearity of one resolution.
    private Node between(Node hidden, @Nullable Node scalars, int i) {
        if (scalars == null) {
            return settings.form() == Form.GRID ? throughGrid(hidden, i) : S2Activation.plain(hidden, grids.get(i));
        }
        return switch (settings.form()) {
            case GATE ->
                GateActivation.ofNodes(hidden, scalars, mapping.lmaxList().get(i));
            case GRID_SEPARABLE -> S2Activation.withScalars(Activation.SILU.apply(scalars), throughGrid(hidden, i));
            default -> S2Activation.separable(scalars, hidden, grids.get(i));
        };
    }

    private Node throughGrid(Node hidden, int i) {
        List<Linear> layers = gridLayers.get(i);
        Node values = layers.get(0).apply(grids.get(i).to(hidden));
        values = layers.get(1).apply(Activation.SILU.apply(values));
        return grids.get(i).from(layers.get(2).apply(Activation.SILU.apply(values)));
    }
}
