package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.tensor.Dim;
import org.jspecify.annotations.Nullable;

/// Nodes that run as one loop.
final class LoopGroup {
    /// Where in a loop a value lives.
    enum Place {
        /// one per element of the domain
        ELEMENT,
        /// one per row: after a sum over columns
        ROW,
        /// one per element of the results of a walk
        RESULT
    }

    /// Which rows a loop's sums bring together: those of one index value, or runs of rows.
    ///
    /// @param index null for runs
    /// @param parts number of runs
    record Walk(@Nullable Node index, int parts) {}

    private final List<Dim> domain;
    private final int columns;
    private final @Nullable Walk walk;
    private final Map<Node, Place> places;
    private final Set<Node> stored;
    /// The last search that came here; its negative if that looked for this group.
    int search;

    LoopGroup(List<Dim> domain, int columns, @Nullable Walk walk, Map<Node, Place> places, Set<Node> stored) {
        this.domain = domain;
        this.columns = columns;
        this.walk = walk;
        this.places = new LinkedHashMap<>(places);
        this.stored = new LinkedHashSet<>(stored);
    }

    /// Extents of the elements, those of 1 left out.
    List<Dim> domain() {
        return domain;
    }

    /// How many of the last axes are summed row by row; 0 for none.
    int columns() {
        return columns;
    }

    @Nullable
    Walk walk() {
        return walk;
    }

    /// What is computed, and where in the loop.
    Set<Map.Entry<Node, Place>> members() {
        return places.entrySet();
    }

    /// What is computed, in program order.
    List<Node> nodes() {
        return places.keySet().stream()
                .sorted(Comparator.comparingLong(Node::sequence))
                .toList();
    }

    /// Sequence number of the last node.
    long last() {
        return places.keySet().stream().mapToLong(Node::sequence).max().orElseThrow();
    }

    boolean computes(Node node) {
        return places.containsKey(node);
    }

    Place place(Node node) {
        Place place = places.get(node);
        if (place == null) {
            throw new IllegalStateException("fusion: want a member of the group, got " + node);
        }
        return place;
    }

    /// The nodes that are computed.
    Set<Node> computed() {
        return places.keySet();
    }

    /// Has a node that members use be computed, too.
    void add(Node node) {
        places.put(node, Objects.requireNonNull(placeIn(node)));
    }

    /// What is written to memory.
    Set<Node> stored() {
        return stored;
    }

    /// Whether a member's operand is the given node, which the loop does not compute.
    boolean reads(Node node) {
        return !computes(node)
                && places.keySet().stream()
                        .anyMatch(member ->
                                Fusion.operands(member).stream().anyMatch(input -> Fusion.strip(input) == node));
    }

    /// Where a value that the group's members use would live in it; null if not in one place.
    @Nullable
    Place placeIn(Node node) {
        Place found = null;
        for (Node member : places.keySet()) {
            for (Node input : Fusion.operands(member)) {
                if (Fusion.strip(input) == node && Fusion.isAligned(member, input)) {
                    Place place = operandPlace(member, input);
                    if (place == null || (found != null && found != place)) {
                        return null;
                    }
                    found = place;
                }
            }
        }
        return found;
    }

    /// Where in the group's loop the operand of a member is read; null if the loop has no such place.
    @Nullable
    Place operandPlace(Node member, Node input) {
        if (member.op() instanceof Pointwise) {
            return place(member);
        }
        List<Dim> extents = Access.extents(input.shape());
        if (extents.equals(domain)) {
            return Place.ELEMENT;
        }
        int rows = domain.size() - columns;
        return extents.equals(domain.subList(0, rows)) ? Place.ROW : null;
    }

    /// One group of what two compute, the domain being that of the first; null if the second's elements have no place.
    static @Nullable LoopGroup union(LoopGroup a, LoopGroup b) {
        Map<Place, Place> moved = new HashMap<>();
        Walk walk = a.walk == null ? b.walk : a.walk;
        int columns = Math.max(a.columns, b.columns);
        int rows = a.domain.size() - columns;
        if (b.domain.equals(a.domain)) {
            boolean sameRows = a.columns == 0 || b.columns == 0 || a.columns == b.columns;
            boolean sameWalk = a.walk == null || b.walk == null || a.walk.equals(b.walk);
            if (!sameRows || !sameWalk) {
                return null;
            }
            moved.put(Place.ELEMENT, Place.ELEMENT);
            moved.put(Place.ROW, Place.ROW);
            moved.put(Place.RESULT, Place.RESULT);
        } else if (b.walk == null && b.columns == 0 && a.columns > 0 && b.domain.equals(a.domain.subList(0, rows))) {
            moved.put(Place.ELEMENT, Place.ROW);
        } else if (b.walk == null && b.columns == 0 && a.walk != null && b.domain.equals(a.results())) {
            moved.put(Place.ELEMENT, Place.RESULT);
        } else {
            return null;
        }
        if (walk != null && rows > 1 && columns > 0) {
            return null;
        }
        Map<Node, Place> places = new LinkedHashMap<>(a.places);
        for (Map.Entry<Node, Place> entry : b.places.entrySet()) {
            Place place = moved.get(entry.getValue());
            Place before = places.put(entry.getKey(), Objects.requireNonNull(place));
            if (before != null && before != place) {
                return null;
            }
        }
        Set<Node> stored = new LinkedHashSet<>(a.stored);
        stored.addAll(b.stored);
        return new LoopGroup(a.domain, columns, walk, places, stored);
    }

    /// Extents of what a walk yields.
    List<Dim> results() {
        Walk rows = Objects.requireNonNull(walk);
        List<Dim> extents = new ArrayList<>();
        if (rows.index() != null) {
            extents.add(rows.index().type().indexRange());
        } else if (rows.parts() > 1) {
            extents.add(Dim.of(rows.parts()));
        }
        extents.addAll(domain.subList(Math.min(1, domain.size()), domain.size()));
        return extents;
    }

    /// Whether every value that is computed in the loop lives where its users in the loop read it.
    boolean isConsistent() {
        for (Node member : places.keySet()) {
            for (Node input : Fusion.operands(member)) {
                Node bare = Fusion.strip(input);
                if (computes(bare) && Fusion.isAligned(member, input) && place(bare) != operandPlace(member, input)) {
                    return false;
                }
            }
        }
        return true;
    }
}
