package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.function.Function;
import org.iolaus.mpnn.Egnn;
import org.iolaus.mpnn.Gin;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NoMessagePassing;
import org.iolaus.mpnn.Painn;
import org.iolaus.mpnn.Sage;
import org.iolaus.mpnn.SchNet;
import org.iolaus.nn.Scope;
import org.jspecify.annotations.Nullable;

/// Kinds of message passing under HydraGNN's names. Each is a file in `mpnn` and a line here; those without a
/// constructor are not supported yet.
@SuppressWarnings("ImmutableEnumChecker") // constructors hold nothing
public enum MpnnType {
    SCHNET("SchNet", Settings::schNet),
    EGNN("EGNN", s -> new Egnn(s.architecture.hiddenDim(), s.edgeWidth, s.moving())),
    PAINN("PAINN", s -> new Painn(s.radius(), s.present("num_radial", s.basis().numRadial()), s.edgeWidth)),
    GIN("GIN", s -> new Gin()),
    SAGE("SAGE", s -> new Sage()),
    GAT("GAT", null),
    MFC("MFC", null),
    CGCNN("CGCNN", null),
    PNA("PNA", null),
    PNA_PLUS("PNAPlus", null),
    PNA_EQ("PNAEq", null),
    DIMENET("DimeNet", null),
    MACE("MACE", null),
    /// for global attention alone
    NONE("none", s -> new NoMessagePassing());

    private final String key;
    private final @Nullable Function<Settings, MessagePassing> constructor;

    MpnnType(String key, @Nullable Function<Settings, MessagePassing> constructor) {
        this.key = key;
        this.constructor = constructor;
    }

    public boolean isSupported() {
        return constructor != null;
    }

    /// Makes the message passing.
    ///
    /// @param edgeWidth columns of the edge features; 0 without
    /// @param root where all layers share what they share
    static MessagePassing make(Architecture architecture, int edgeWidth, Scope root) {
        MpnnType type = architecture.mpnnType();
        if (type.constructor == null) {
            throw new ModelException(ARCHITECTURE + "mpnn_type: want a supported one, got " + type);
        }
        return type.constructor.apply(new Settings(architecture, edgeWidth, root));
    }

    @Override
    public String toString() {
        return key;
    }

    /// What the constructors choose from.
    private record Settings(Architecture architecture, int edgeWidth, Scope root) {

        Architecture.Basis basis() {
            return architecture.basis();
        }

        <T> T present(String name, @Nullable T value) {
            return Require.present(ARCHITECTURE + name, value, architecture.mpnnType());
        }

        double radius() {
            return present("radius", architecture.radius());
        }

        /// Whether positions move from layer to layer.
        boolean moving() {
            return Boolean.TRUE.equals(architecture.equivariance());
        }

        SchNet schNet() {
            int gaussians = present("num_gaussians", basis().numGaussians());
            Require.that(gaussians > 1, ARCHITECTURE + "num_gaussians", "at least 2", gaussians);
            Require.that(
                    !moving() || edgeWidth == 0,
                    ARCHITECTURE + "equivariance",
                    "null or false for SchNet with edge features or with GPS and pe_dim",
                    architecture.equivariance());
            return new SchNet(
                    root,
                    new SchNet.Settings(
                            radius(),
                            gaussians,
                            present("num_filters", basis().numFilters()),
                            edgeWidth,
                            moving(),
                            HydraGnnCompat.schNetEdges(architecture)));
        }
    }
}
