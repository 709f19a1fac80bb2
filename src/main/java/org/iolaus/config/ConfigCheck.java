package org.iolaus.config;

import static org.iolaus.model.Require.ARCHITECTURE;
import static org.iolaus.model.Require.belowOne;
import static org.iolaus.model.Require.distinct;
import static org.iolaus.model.Require.equal;
import static org.iolaus.model.Require.fraction;
import static org.iolaus.model.Require.notNegative;
import static org.iolaus.model.Require.positive;
import static org.iolaus.model.Require.sameLength;
import static org.iolaus.model.Require.text;
import static org.iolaus.model.Require.that;

import java.util.List;
import java.util.Set;
import org.iolaus.data.Batching;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.DatasetConfig.Features;
import org.iolaus.data.DatasetConfig.Split;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.Dimensions;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.Potential;
import org.iolaus.model.AttentionEngine;
import org.iolaus.model.Model;
import org.iolaus.model.VariablesOfInterest;
import org.iolaus.nn.Loss;
import org.iolaus.train.Training;
import org.iolaus.train.Training.CosineWithWarmup;
import org.iolaus.train.Training.Optimizer;
import org.iolaus.train.Training.ReduceLrOnPlateau;
import org.iolaus.train.optimize.OptimizerType;
import org.jspecify.annotations.Nullable;

/// Checks between the values of a configuration; the model checks its architecture itself.
final class ConfigCheck {
    private static final String VARIABLES = "NeuralNetwork.Variables_of_interest.";
    private static final String TRAINING = "NeuralNetwork.Training.";
    private static final List<String> ROLES = List.of("train", "validate", "test");

    private ConfigCheck() {}

    /// Checks of the dataset, from which sizes follow.
    static void dataset(Config config) {
        DatasetConfig dataset = config.dataset();
        if (dataset != null) {
            source(dataset);
            split(dataset);
        }
    }

    /// Checks that hold for every configuration with its sizes.
    static void model(Config config) {
        VariablesOfInterest variables = config.neuralNetwork().variablesOfInterest();
        Architecture architecture = config.neuralNetwork().architecture();
        Training training = config.neuralNetwork().training();
        int level = config.verbosity().level();
        that(level >= 0 && level <= 4, "Verbosity.level", "0 to 4", level);
        variables(variables, architecture);
        accumulation(architecture.potential(), training);
        training(training);
        batching(training.batching());
        optimizer(training.optimizer());
        plateau(training.reduceLrOnPlateau());
        cosine(training);
        if (config.dataset() != null) {
            columns(config.dataset(), variables, architecture);
        }
        build(config);
    }

    /// Builds the model without data, so it checks its own settings. A model that is not supported
    /// yet is not checked.
    private static void build(Config config) {
        Architecture architecture = config.neuralNetwork().architecture();
        AttentionEngine engine = architecture.attention().globalAttnEngine();
        if (!architecture.mpnnType().isSupported() || (engine != null && !engine.isSupported())) {
            return;
        }
        if (architecture.hasMlpPerNode() && architecture.dimensions().numNodes() == null) {
            architecture = Records.with(architecture, "dimensions.numNodes", 1);
        }
        DatasetConfig dataset = config.dataset();
        int attributes = dataset == null
                ? 1
                : dataset.graphAttributes().dim().stream().mapToInt(dim -> dim).sum();
        new Model(architecture, config.neuralNetwork().training().lossFunctionType(), attributes);
    }

    /// Further checks for a configuration that data are converted and models trained with.
    static void run(Config config) {
        Architecture architecture = config.neuralNetwork().architecture();
        Training training = config.neuralNetwork().training();
        DatasetConfig dataset = config.dataset();
        if (dataset == null) {
            throw missing("Dataset");
        }
        if (architecture.radius() == null) {
            throw missing(ARCHITECTURE + "radius");
        }
        that(training.numEpoch() > 0, TRAINING + "num_epoch", "at least 1", training.numEpoch());
        that(
                architecture.edgeFeatures().isEmpty(),
                ARCHITECTURE + "edge_features",
                "[] (datasets with edge features are not supported yet)",
                architecture.edgeFeatures());
        if (dataset.path().containsKey("total") && dataset.split() == null && training.percTrain() == null) {
            throw new ConfigException("Dataset.split: want this key or " + TRAINING + "perc_train, got neither");
        }
    }

    private static void variables(VariablesOfInterest variables, Architecture architecture) {
        int heads = variables.type().size();
        that(heads > 0, VARIABLES + "type", "at least one output", variables.type());
        sameLength(VARIABLES + "output_names", variables.outputNames(), heads);
        sameLength(VARIABLES + "output_index", variables.outputIndex(), heads);
        sameLength(VARIABLES + "output_dim", variables.outputDim(), heads);
        variables.outputDim().forEach(dim -> positive(VARIABLES + "output_dim", dim));
        distinct(VARIABLES + "output_names", variables.outputNames());
        List<Integer> inputs = variables.inputNodeFeatures();
        that(
                !inputs.isEmpty() || architecture.elementEmbedding(),
                VARIABLES + "input_node_features",
                "at least one column where element_embedding is false",
                inputs);
        inputs.forEach(column -> that(column >= 0, VARIABLES + "input_node_features", "columns from 0", column));
        distinct(VARIABLES + "input_node_features", inputs);
        Dimensions dimensions = architecture.dimensions();
        equal(ARCHITECTURE + "input_dim", dimensions.inputDim(), inputs.size(), "number of input_node_features");
        equal(ARCHITECTURE + "output_dim", dimensions.outputDim(), variables.outputDim(), VARIABLES + "output_dim");
        equal(ARCHITECTURE + "output_type", dimensions.outputType(), variables.type(), VARIABLES + "type");
        Integer edgeDim = dimensions.edgeDim();
        if (edgeDim != null) {
            equal(
                    ARCHITECTURE + "edge_dim",
                    edgeDim,
                    architecture.edgeFeatures().size(),
                    "number of edge_features");
        }
    }

    /// The root of a mean over a step is not a sum over its batches.
    private static void accumulation(Potential potential, Training training) {
        boolean root = training.lossFunctionType() == Loss.RMSE
                || potential.energyLossType() == Loss.RMSE
                || potential.forceLossType() == Loss.RMSE;
        that(
                !root || training.gradientAccumulationSteps() == 1,
                TRAINING + "gradient_accumulation_steps",
                "1 with a loss of type rmse",
                training.gradientAccumulationSteps());
    }

    private static void training(Training training) {
        notNegative(TRAINING + "epoch_start", training.epochStart());
        that(
                training.epochStart() == 0 || training.epochStart() < training.numEpoch(),
                TRAINING + "epoch_start",
                "less than num_epoch " + training.numEpoch(),
                training.epochStart());
        positive(TRAINING + "batch_size", training.batchSize());
        positive(TRAINING + "limit_batches_per_epoch", training.limitBatchesPerEpoch());
        Double part = training.percTrain();
        that(part == null || (part > 0 && part <= 1), TRAINING + "perc_train", "more than 0, at most 1", part);
        positive(TRAINING + "gradient_clip_norm", training.gradientClipNorm());
        positive(TRAINING + "global_attn_redraw_interval", training.globalAttnRedrawInterval());
        positive(TRAINING + "gradient_accumulation_steps", training.gradientAccumulationSteps());
        Double decay = training.emaDecay();
        that(decay == null || (decay > 0 && decay < 1), TRAINING + "ema_decay", "more than 0, below 1", decay);
        positive(TRAINING + "patience", training.patience());
        notNegative(TRAINING + "checkpoint_warmup", training.checkpointWarmup());
        positive(TRAINING + "checkpoint_every_steps", training.checkpointEverySteps());
        positive(TRAINING + "keep_checkpoints", training.keepCheckpoints());
        positive(TRAINING + "gradient_bucket_mib", training.gradientBucketMib());
        positive(TRAINING + "threads", training.threads());
        that(
                training.checkpoint() || training.checkpointEverySteps() == null,
                TRAINING + "checkpoint_every_steps",
                "null where Checkpoint is false",
                training.checkpointEverySteps());
        that(
                training.logName().matches("[^/]+") && !training.logName().matches("\\.{1,2}"),
                TRAINING + "log_name",
                "a name of a folder, without /",
                training.logName());
    }

    private static void batching(Training.Batching batching) {
        String path = TRAINING + "Batching.";
        positive(path + "max_nodes", batching.maxNodes());
        positive(path + "max_edges", batching.maxEdges());
        positive(path + "max_graphs", batching.maxGraphs());
        belongs(path + "max_nodes", batching.maxNodes(), batching.mode() == Batching.Mode.NODE_BUDGET, batching);
        belongs(path + "max_edges", batching.maxEdges(), batching.mode() == Batching.Mode.EDGE_BUDGET, batching);
        that(
                batching.maxGraphs() == null || batching.mode() != Batching.Mode.FIXED,
                path + "max_graphs",
                "null with mode fixed (batch_size is the number of graphs)",
                batching.maxGraphs());
    }

    private static void belongs(String path, @Nullable Integer limit, boolean needed, Training.Batching batching) {
        if (needed && limit == null) {
            throw missing(path);
        }
        that(needed || limit == null, path, "null with mode " + text(batching.mode()), limit);
    }

    private static void optimizer(Optimizer optimizer) {
        String path = TRAINING + "Optimizer.";
        positive(path + "learning_rate", optimizer.learningRate());
        notNegative(path + "weight_decay", optimizer.weightDecay());
        positive(path + "eps", optimizer.eps());
        notNegative(path + "momentum", optimizer.momentum());
        distinct(path + "no_decay", optimizer.noDecay());
        sameLength(path + "betas", optimizer.betas(), 2);
        optimizer.betas().forEach(beta -> belowOne(path + "betas", beta));
        boolean sgd = optimizer.type() == OptimizerType.SGD;
        that(
                optimizer.type().defaults().momentum() != null || optimizer.momentum() == 0,
                path + "momentum",
                "0 with " + optimizer.type(),
                optimizer.momentum());
        that(
                !optimizer.nesterov() || (sgd && optimizer.momentum() > 0),
                path + "nesterov",
                "false but for SGD with momentum",
                true);
    }

    private static void plateau(@Nullable ReduceLrOnPlateau plateau) {
        if (plateau == null) {
            return;
        }
        String path = TRAINING + "ReduceLROnPlateau.";
        double factor = plateau.factor();
        that(factor > 0 && factor < 1, path + "factor", "more than 0, below 1", factor);
        notNegative(path + "patience", plateau.patience());
        notNegative(path + "min_lr", plateau.minLr());
        notNegative(path + "threshold", plateau.threshold());
        notNegative(path + "cooldown", plateau.cooldown());
    }

    private static void cosine(Training training) {
        CosineWithWarmup cosine = training.cosineWithWarmup();
        if (cosine == null) {
            return;
        }
        that(
                training.reduceLrOnPlateau() == null,
                TRAINING + "ReduceLROnPlateau",
                "null beside CosineWithWarmup: one schedule of the learning rate",
                "both");
        String path = TRAINING + "CosineWithWarmup.";
        notNegative(path + "warmup_epochs", cosine.warmupEpochs());
        int epochs = training.numEpoch() - training.epochStart();
        that(
                training.numEpoch() == 0 || cosine.warmupEpochs() < epochs,
                path + "warmup_epochs",
                "less than the run's " + epochs + " epochs",
                cosine.warmupEpochs());
        fraction(path + "warmup_factor", cosine.warmupFactor());
        fraction(path + "lr_min_factor", cosine.lrMinFactor());
    }

    private static void source(DatasetConfig dataset) {
        Set<String> roles = dataset.path().keySet();
        that(
                roles.isEmpty() || roles.equals(Set.of("total")) || roles.equals(Set.copyOf(ROLES)),
                "Dataset.path",
                "either total or train, validate and test",
                roles);
        if (!roles.isEmpty() && dataset.format() == null) {
            throw missing("Dataset.format");
        }
        that(!dataset.name().isEmpty(), "Dataset.name", "a name", "\"\"");
        align("Dataset.node_features", dataset.nodeFeatures());
        align("Dataset.graph_features", dataset.graphFeatures());
        align("Dataset.graph_attributes", dataset.graphAttributes());
    }

    private static void align(String path, Features features) {
        int columns = features.name().size();
        distinct(path + ".name", features.name());
        sameLength(path + ".dim", features.dim(), columns);
        features.dim().forEach(dim -> positive(path + ".dim", dim));
        List<Integer> index = features.columnIndex();
        if (index != null) {
            sameLength(path + ".column_index", index, columns);
            index.forEach(column -> notNegative(path + ".column_index", column));
        }
    }

    private static void split(DatasetConfig dataset) {
        Split split = dataset.split();
        if (split == null) {
            return;
        }
        that(
                dataset.path().isEmpty() || dataset.path().containsKey("total"),
                "Dataset.split",
                "null beside separate paths for train, validate and test",
                dataset.path().keySet());
        int rules = (split.counts() == null ? 0 : 1)
                + (split.fractions() == null ? 0 : 1)
                + (split.indices() == null ? 0 : 1);
        that(rules == 1, "Dataset.split", "exactly one of counts, fractions and indices", rules + " of them");
        if (split.counts() != null) {
            sameLength("Dataset.split.counts", split.counts(), ROLES.size());
            split.counts().forEach(count -> notNegative("Dataset.split.counts", count));
            positive("Dataset.split.counts", split.counts().getFirst());
        }
        if (split.fractions() != null) {
            sameLength("Dataset.split.fractions", split.fractions(), ROLES.size());
            split.fractions().forEach(fraction -> notNegative("Dataset.split.fractions", fraction));
            double sum = split.fractions().stream().mapToDouble(f -> f).sum();
            that(sum > 0 && sum < 1 + 1e-9, "Dataset.split.fractions", "a sum of at most 1", sum);
        }
        if (split.indices() != null) {
            Set<String> given = split.indices().keySet();
            that(
                    given.contains("train") && ROLES.containsAll(given),
                    "Dataset.split.indices",
                    "train and, if wanted, validate and test",
                    given);
        }
        that(
                !dataset.compositionalStratifiedSplitting() || split.indices() == null,
                "Dataset.compositional_stratified_splitting",
                "false with indices",
                true);
    }

    private static void columns(DatasetConfig dataset, VariablesOfInterest variables, Architecture architecture) {
        int columns = dataset.nodeFeatures().dim().stream().mapToInt(dim -> dim).sum();
        for (int column : variables.inputNodeFeatures()) {
            that(
                    column < columns,
                    VARIABLES + "input_node_features",
                    "columns below " + columns + ", the width of Dataset.node_features",
                    column);
        }
        if (architecture.useGraphAttrConditioning()
                && dataset.graphAttributes().name().isEmpty()) {
            throw new ConfigException(
                    "Dataset.graph_attributes: required key is missing (use_graph_attr_conditioning needs it)");
        }
        if (architecture.potential().enableInteratomicPotential()) {
            return;
        }
        for (int head = 0; head < variables.type().size(); head++) {
            Level level = variables.type().get(head);
            List<Integer> dims = Derived.features(dataset, level).dim();
            int index = variables.outputIndex().get(head);
            String features = "Dataset." + text(level) + "_features";
            that(
                    index >= 0 && index < dims.size(),
                    VARIABLES + "output_index",
                    "one of the " + dims.size() + " " + features,
                    index);
            equal(VARIABLES + "output_dim", variables.outputDim().get(head), dims.get(index), features + ".dim");
        }
    }

    private static ConfigException missing(String path) {
        return new ConfigException(path + ": required key is missing");
    }
}
