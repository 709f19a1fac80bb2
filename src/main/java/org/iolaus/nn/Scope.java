package org.iolaus.nn;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.tensor.Shape;

/// A place in the tree of names, in which a module makes its parameters.
public final class Scope {
    private final Parameters parameters;
    private final String path;
    private final List<String> otherPaths;
    private final boolean frozen;

    Scope(Parameters parameters, String path, List<String> otherPaths, boolean frozen) {
        this.parameters = parameters;
        this.path = path;
        this.otherPaths = otherPaths;
        this.frozen = frozen;
    }

    /// The place `name` below this one; dots in it are levels.
    public Scope at(String name) {
        return new Scope(
                parameters,
                join(path, name),
                otherPaths.stream().map(other -> join(other, name)).toList(),
                frozen);
    }

    public Scope at(int number) {
        return at(Integer.toString(number));
    }

    /// The same place; parameters that are made in it get a second name below `other`, counted from the root.
    public Scope alsoAt(String other) {
        List<String> paths = new ArrayList<>(otherPaths);
        paths.add(other);
        return new Scope(parameters, path, List.copyOf(paths), frozen);
    }

    /// The same place; weights that are made in it keep their values.
    public Scope frozen(boolean value) {
        return new Scope(parameters, path, otherPaths, value);
    }

    /// A weight that training changes, unless this place is frozen.
    public Node parameter(String name, Initializer initializer, Object... shape) {
        return parameter(Group.WEIGHTS, name, initializer, shape);
    }

    /// The same for a weight of another group than [Group#WEIGHTS].
    public Node parameter(Group group, String name, Initializer initializer, Object... shape) {
        return add(name, frozen ? Role.FROZEN : Role.TRAINED, group, initializer, shape);
    }

    /// An array of the state that is not trained.
    public Node buffer(String name, Initializer initializer, Object... shape) {
        return add(name, Role.BUFFER, Group.WEIGHTS, initializer, shape);
    }

    /// Makes `name` here a further name of the parameter with the full name `original`.
    public void alias(String name, String original) {
        parameters.addAlias(join(path, name), original);
        otherPaths.forEach(other -> parameters.addAlias(join(other, name), original));
    }

    /// The full name of `name` here.
    public String name(String name) {
        return join(path, name);
    }

    private Node add(String name, Role role, Group group, Initializer initializer, Object... shape) {
        String full = join(path, name);
        Node node = parameters.add(new Spec(full, Shape.of(shape), role, group, initializer));
        otherPaths.forEach(other -> parameters.addAlias(join(other, name), full));
        return node;
    }

    private static String join(String path, String name) {
        return path.isEmpty() ? name : path + "." + name;
    }
}
