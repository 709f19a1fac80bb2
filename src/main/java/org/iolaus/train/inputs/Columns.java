package org.iolaus.train.inputs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iolaus.data.DataException;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.DatasetConfig.Features;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Statistics;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.VariablesOfInterest;
import org.jspecify.annotations.Nullable;

/// Which columns of the data a model reads and predicts.
///
/// @param inputs what makes up `x`, column by column
/// @param targets one per head; none for a potential, whose targets are energy and forces
/// @param attributes graph features that together make `graph_attr`
public record Columns(List<Component> inputs, List<Target> targets, List<Column> attributes) {
    static final String ATOMIC_NUMBER = "atomic_number";
    static final String ENERGY = "energy";
    static final String FORCES = "forces";

    /// A named column and its width.
    public record Column(String name, int width) {}

    /// One number of each row of a column.
    public record Component(Column column, int number) {}

    /// What a head predicts.
    ///
    /// @param label of the head, for tables
    public record Target(String label, Level level, Column column) {

        /// Mean of each component over the training frames.
        public double[] mean(Statistics statistics) {
            Statistics.Spread spread = spread(statistics);
            return spread == null ? new double[column.width()] : spread.mean();
        }

        /// What is subtracted from the components to normalise them: their means; nothing from forces, which turn
        /// with the frame.
        public double[] shift(Statistics statistics) {
            return isForces() ? new double[column.width()] : mean(statistics);
        }

        /// What the components are then divided by: their standard deviations, 1 where that is 0; the root mean
        /// square of all components of forces.
        public double[] scale(Statistics statistics) {
            Statistics.Spread spread = spread(statistics);
            double[] scale = new double[column.width()];
            Arrays.setAll(scale, i -> {
                double std = isForces() ? statistics.forceRms() : spread == null ? 0 : spread.std()[i];
                return std == 0 ? 1 : std;
            });
            return scale;
        }

        private boolean isForces() {
            return level == Level.NODE && column.name().equals(FORCES);
        }

        private Statistics.@Nullable Spread spread(Statistics statistics) {
            boolean own = column.name().equals(ENERGY) || column.name().equals(FORCES);
            String group = level == Level.GRAPH ? "graphs/" : "atoms/";
            return statistics.columns().get(group + (own ? "" : "columns/") + column.name());
        }
    }

    /// The columns that a configuration names.
    ///
    /// @param potential whether energy and forces are the targets
    public static Columns of(DatasetConfig dataset, VariablesOfInterest variables, boolean potential) {
        List<Component> components = components(dataset.nodeFeatures());
        List<Component> inputs = new ArrayList<>();
        for (int i : variables.inputNodeFeatures()) {
            if (i < 0 || i >= components.size()) {
                throw new DataException("Variables_of_interest.input_node_features: want columns of the "
                        + components.size() + " that node_features make up, got " + i);
            }
            inputs.add(components.get(i));
        }
        List<Target> targets = new ArrayList<>();
        for (int head = 0; !potential && head < variables.type().size(); head++) {
            Level level = variables.type().get(head);
            Features features = level == Level.GRAPH ? dataset.graphFeatures() : dataset.nodeFeatures();
            String label = head < variables.outputNames().size()
                    ? variables.outputNames().get(head)
                    : "head " + head;
            targets.add(new Target(
                    label, level, column(features, variables.outputIndex().get(head), "output_index")));
        }
        List<Column> attributes = new ArrayList<>();
        for (int i = 0; i < dataset.graphAttributes().name().size(); i++) {
            attributes.add(column(dataset.graphAttributes(), i, "graph_attributes"));
        }
        return new Columns(List.copyOf(inputs), List.copyOf(targets), List.copyOf(attributes));
    }

    /// The columns of all features one after another, as HydraGNN counts them.
    private static List<Component> components(Features features) {
        List<Component> components = new ArrayList<>();
        for (int feature = 0; feature < features.name().size(); feature++) {
            Column column = column(features, feature, "node_features");
            for (int number = 0; number < column.width(); number++) {
                components.add(new Component(column, number));
            }
        }
        return components;
    }

    private static Column column(Features features, int index, String key) {
        if (index < 0 || index >= features.name().size()) {
            throw new DataException("Variables_of_interest." + key + ": want one of the "
                    + features.name().size() + " features " + features.name() + ", got " + index);
        }
        return new Column(features.name().get(index), features.dim().get(index));
    }

    public int attributeWidth() {
        return attributes.stream().mapToInt(Column::width).sum();
    }

    /// Refuses a shard set that lacks a column or has it in another width.
    public void requireIn(ShardIndex index, boolean potential) {
        ShardIndex.Content content = index.content();
        if (potential && !content.energy()) {
            throw new DataException(index.name() + ": want energies for a potential, got none");
        }
        if (potential && !content.forces()) {
            throw new DataException(index.name() + ": want forces for a potential, got none");
        }
        inputs.forEach(component -> require(index, component.column(), Level.NODE));
        targets.forEach(target -> require(index, target.column(), target.level()));
        attributes.forEach(column -> require(index, column, Level.GRAPH));
    }

    private static void require(ShardIndex index, Column column, Level level) {
        ShardIndex.Content content = index.content();
        Integer width = switch (column.name()) {
            case ATOMIC_NUMBER -> level == Level.NODE ? 1 : null;
            case FORCES -> level == Level.NODE && content.forces() ? Integer.valueOf(3) : null;
            case ENERGY -> level == Level.GRAPH && content.energy() ? Integer.valueOf(1) : null;
            default -> (level == Level.NODE ? content.atomColumns() : content.graphColumns()).get(column.name());
        };
        if (width == null || width != column.width()) {
            throw new DataException(index.name() + ": want a column '" + column.name() + "' of width " + column.width()
                    + (level == Level.NODE ? " per atom" : " per graph") + ", got "
                    + (width == null
                            ? "per atom " + content.atomColumns().keySet() + ", per graph "
                                    + content.graphColumns().keySet()
                            : "width " + width));
        }
    }
}
