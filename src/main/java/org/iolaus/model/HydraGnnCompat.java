package org.iolaus.model;

import org.iolaus.model.Architecture.Compatibility;
import org.iolaus.mpnn.SchNet;

/// What `"compatibility": "hydragnn"` changes; `docs/parity.md` lists the reasons.
final class HydraGnnCompat {

    private HydraGnnCompat() {}

    static boolean wanted(Architecture architecture) {
        return architecture.compatibility() == Compatibility.HYDRAGNN;
    }

    /// SchNet of HydraGNN treats every system as not periodic.
    static boolean ignoresShifts(Architecture architecture) {
        return wanted(architecture) && architecture.mpnnType() == MpnnType.SCHNET;
    }

    /// SchNet of HydraGNN looks for neighbours itself, in every layer, without edge features and without GPS.
    static boolean rebuildsEdges(Architecture architecture) {
        Integer edgeDim = architecture.dimensions().edgeDim();
        return ignoresShifts(architecture)
                && (edgeDim == null || edgeDim == 0)
                && architecture.attention().globalAttnEngine() != AttentionEngine.GPS;
    }

    static SchNet.Edges schNetEdges(Architecture architecture) {
        if (!wanted(architecture)) {
            return SchNet.Edges.GIVEN;
        }
        return rebuildsEdges(architecture) ? SchNet.Edges.REBUILT : SchNet.Edges.GIVEN_UNTRUNCATED;
    }
}
