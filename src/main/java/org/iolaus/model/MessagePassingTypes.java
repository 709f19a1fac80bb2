package org.iolaus.model;

import org.iolaus.model.Architecture.Basis;
import org.iolaus.model.Architecture.MpnnType;
import org.iolaus.mpnn.Egnn;
import org.iolaus.mpnn.Gin;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.mpnn.NoMessagePassing;
import org.iolaus.mpnn.Painn;
import org.iolaus.mpnn.SchNet;
import org.iolaus.nn.Scope;
import org.jspecify.annotations.Nullable;

/// Makes the configured kind of message passing.
final class MessagePassingTypes {

    private MessagePassingTypes() {}

    /// Whether its layers read features of edges.
    static boolean readsEdges(MpnnType type) {
        return switch (type) {
            case GIN, SAGE, MFC, NONE -> false;
            case SCHNET, EGNN, PAINN, GAT, CGCNN, PNA, PNA_PLUS, PNA_EQ, DIMENET, MACE -> true;
        };
    }

    static MessagePassing of(Architecture architecture, Scope root) {
        Basis basis = architecture.basis();
        int edgeWidth = Gps.edgeWidth(architecture);
        boolean moving = Boolean.TRUE.equals(architecture.equivariance());
        return switch (architecture.mpnnType()) {
            case SCHNET -> {
                if (moving && edgeWidth > 0) {
                    throw new ModelException("equivariance: want no edge features with SchNet, got " + edgeWidth);
                }
                yield new SchNet(
                        root,
                        new SchNet.Settings(
                                needed("radius", architecture.radius()),
                                needed("num_gaussians", basis.numGaussians()),
                                needed("num_filters", basis.numFilters()),
                                edgeWidth,
                                moving,
                                edges(architecture)));
            }
            case EGNN -> new Egnn(architecture.hiddenDim(), edgeWidth, moving);
            case PAINN ->
                new Painn(needed("radius", architecture.radius()), needed("num_radial", basis.numRadial()), edgeWidth);
            case GIN -> new Gin();
            case NONE -> {
                if (!Equiformers.wanted(architecture)) {
                    throw new ModelException("mpnn_type: want message passing without EquiformerV2, got none");
                }
                yield new NoMessagePassing();
            }
            case SAGE, GAT, MFC, CGCNN, PNA, PNA_PLUS, PNA_EQ, DIMENET, MACE ->
                throw new ModelException("mpnn_type: want SchNet, EGNN, PAINN or GIN, got " + architecture.mpnnType());
        };
    }

    private static SchNet.Edges edges(Architecture architecture) {
        if (!HydraGnnCompat.wanted(architecture)) {
            return SchNet.Edges.GIVEN;
        }
        return HydraGnnCompat.rebuildsEdges(architecture) ? SchNet.Edges.REBUILT : SchNet.Edges.GIVEN_UNTRUNCATED;
    }

    private static <T> T needed(String key, @Nullable T value) {
        if (value == null) {
            throw new ModelException(key + ": want a value, got none");
        }
        return value;
    }
}
