package org.iolaus.lower;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Program;

/// Partitions a program's pointwise nodes into groups that each become one loop.
///
/// Going from users to inputs, a node joins a group that reads it if both have one shape and no path leads
/// from the node through a node outside of the group back into it (the loop would have to run before and
/// after that node).
final class Fusion {
    private static final int LARGEST_GROUP = 48;

    /// Nodes that run as one loop, in program order.
    static final class Group {
        private final List<Node> nodes = new ArrayList<>();

        List<Node> nodes() {
            return nodes;
        }
    }

    private final Map<Node, List<Node>> users = new HashMap<>();
    private final Map<Node, Group> groupOf = new HashMap<>();

    Fusion(Program program) {
        for (Node node : program.nodes()) {
            for (Node input : new LinkedHashSet<>(node.inputs())) {
                users.computeIfAbsent(input, key -> new ArrayList<>()).add(node);
            }
        }
        for (Node node : program.nodes().reversed()) {
            if (node.op() instanceof Pointwise) {
                Group group = joinable(node);
                group.nodes.add(node);
                groupOf.put(node, group);
            }
        }
        groupOf.values().forEach(group -> group.nodes.sort(Comparator.comparingLong(Node::sequence)));
    }

    Map<Node, Group> groupOf() {
        return Collections.unmodifiableMap(groupOf);
    }

    List<Node> users(Node node) {
        return users.getOrDefault(node, List.of());
    }

    private Group joinable(Node node) {
        Set<Group> candidates = new LinkedHashSet<>();
        for (Node user : users(node)) {
            Group group = groupOf.get(user);
            if (group != null && user.shape().equals(node.shape()) && group.nodes.size() < LARGEST_GROUP) {
                candidates.add(group);
            }
        }
        for (Group group : candidates) {
            if (!reachesFromOutside(node, group)) {
                return group;
            }
        }
        return new Group();
    }

    private boolean reachesFromOutside(Node node, Group target) {
        Deque<Node> open = new ArrayDeque<>();
        Set<Node> seen = new HashSet<>();
        for (Node user : users(node)) {
            if (groupOf.get(user) != target) {
                open.add(user);
            }
        }
        while (!open.isEmpty()) {
            Node next = open.pop();
            Group group = groupOf.get(next);
            if (group == target) {
                return true;
            }
            if (seen.add(next)) {
                open.addAll(users(next));
                if (group != null) {
                    group.nodes.stream().filter(seen::add).forEach(member -> open.addAll(users(member)));
                }
            }
        }
        return false;
    }
}
