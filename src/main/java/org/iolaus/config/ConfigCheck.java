package org.iolaus.config;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.DatasetConfig.Features;
import org.iolaus.data.DatasetConfig.Split;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.Attention;
import org.iolaus.model.Architecture.AttentionEngine;
import org.iolaus.model.Architecture.AttentionType;
import org.iolaus.model.Architecture.Dimensions;
import org.iolaus.model.Architecture.EnergyReference;
import org.iolaus.model.Architecture.EnergyScale;
import org.iolaus.model.Architecture.Equiformer;
import org.iolaus.model.Architecture.EquiformerEdges;
import org.iolaus.model.Architecture.GraphBranch;
import org.iolaus.model.Architecture.GraphHead;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.MpnnType;
import org.iolaus.model.Architecture.NodeBranch;
import org.iolaus.model.Architecture.NodeHead;
import org.iolaus.model.Architecture.NodeHeadType;
import org.iolaus.model.Architecture.OutputHeads;
import org.iolaus.model.Architecture.Potential;
import org.iolaus.model.Architecture.ScaleRule;
import org.iolaus.model.Inputs;
import org.iolaus.model.VariablesOfInterest;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Pooling;
import org.iolaus.train.Training;
import org.iolaus.train.Training.BatchMode;
import org.iolaus.train.Training.Batching;
import org.iolaus.train.Training.CosineWithWarmup;
import org.iolaus.train.Training.Optimizer;
import org.iolaus.train.Training.OptimizerType;
import org.iolaus.train.Training.ReduceLrOnPlateau;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// What must hold between the values of a configuration, all in one place.
final class ConfigCheck {
    private static final String ARCHITECTURE = "NeuralNetwork.Architecture.";
    private static final String VARIABLES = "NeuralNetwork.Variables_of_interest.";
    private static final String TRAINING = "NeuralNetwork.Training.";
    private static final int MOST_DEGREE = 8;
    private static final List<String> ROLES = List.of("train", "validate", "test");

    private static final Map<MpnnType, List<String>> NEEDED = Map.of(
            MpnnType.SCHNET, List.of("num_gaussians", "num_filters", "radius"),
            MpnnType.PAINN, List.of("num_radial", "radius"),
            MpnnType.PNA_EQ, List.of("num_radial", "radius"),
            MpnnType.PNA_PLUS, List.of("num_radial", "envelope_exponent", "radius"),
            MpnnType.MFC, List.of("max_neighbours"),
            MpnnType.MACE, List.of("num_radial", "max_ell", "node_max_ell", "radius"),
            MpnnType.DIMENET,
                    List.of(
                            "basis_emb_size",
                            "envelope_exponent",
                            "int_emb_size",
                            "out_emb_size",
                            "num_after_skip",
                            "num_before_skip",
                            "num_radial",
                            "num_spherical",
                            "radius"));

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
        check(level >= 0 && level <= 4, "Verbosity.level", "0 to 4", level);
        variables(variables, architecture);
        layers(architecture);
        attention(architecture);
        if (!hasOwnHeads(architecture)) {
            heads(architecture.outputHeads(), variables);
        }
        potential(architecture, variables, training);
        accumulation(architecture.potential(), training);
        training(training);
        batching(training.batching());
        optimizer(training.optimizer());
        plateau(training.reduceLrOnPlateau());
        cosine(training);
        if (config.dataset() != null) {
            columns(config.dataset(), variables, architecture);
        }
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
        check(training.numEpoch() > 0, TRAINING + "num_epoch", "at least 1", training.numEpoch());
        check(
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
        check(heads > 0, VARIABLES + "type", "at least one output", variables.type());
        sameLength(VARIABLES + "output_names", variables.outputNames(), heads);
        sameLength(VARIABLES + "output_index", variables.outputIndex(), heads);
        sameLength(VARIABLES + "output_dim", variables.outputDim(), heads);
        variables.outputDim().forEach(dim -> positive(VARIABLES + "output_dim", dim));
        distinct(VARIABLES + "output_names", variables.outputNames());
        List<Integer> inputs = variables.inputNodeFeatures();
        check(
                !inputs.isEmpty() || architecture.elementEmbedding(),
                VARIABLES + "input_node_features",
                "at least one column where element_embedding is false",
                inputs);
        inputs.forEach(column -> check(column >= 0, VARIABLES + "input_node_features", "columns from 0", column));
        distinct(VARIABLES + "input_node_features", inputs);
        Dimensions dimensions = architecture.dimensions();
        equal(ARCHITECTURE + "input_dim", dimensions.inputDim(), inputs.size(), "number of input_node_features");
        equal(ARCHITECTURE + "output_dim", dimensions.outputDim(), variables.outputDim(), VARIABLES + "output_dim");
        equal(ARCHITECTURE + "output_type", dimensions.outputType(), variables.type(), VARIABLES + "type");
        sameLength(ARCHITECTURE + "task_weights", architecture.taskWeights(), heads);
        check(
                architecture.taskWeights().stream().anyMatch(weight -> weight != 0),
                ARCHITECTURE + "task_weights",
                "one that is not zero",
                architecture.taskWeights());
    }

    private static void layers(Architecture architecture) {
        positive(ARCHITECTURE + "hidden_dim", architecture.hiddenDim());
        positive(ARCHITECTURE + "num_conv_layers", architecture.numConvLayers());
        positive(ARCHITECTURE + "max_neighbours", architecture.maxNeighbours());
        positive(ARCHITECTURE + "num_nodes", architecture.dimensions().numNodes());
        positive(ARCHITECTURE + "radius", architecture.radius());
        positive(ARCHITECTURE + "num_gaussians", architecture.basis().numGaussians());
        positive(ARCHITECTURE + "num_filters", architecture.basis().numFilters());
        positive(ARCHITECTURE + "num_radial", architecture.basis().numRadial());
        ObjectNode keys = RecordMapper.write(architecture);
        for (String key : NEEDED.getOrDefault(architecture.mpnnType(), List.of())) {
            if (keys.path(key).isNull()) {
                throw new ConfigException(
                        ARCHITECTURE + key + ": required key is missing (" + architecture.mpnnType() + " needs it)");
            }
        }
        Integer edgeDim = architecture.dimensions().edgeDim();
        if (edgeDim != null) {
            equal(
                    ARCHITECTURE + "edge_dim",
                    edgeDim,
                    architecture.edgeFeatures().size(),
                    "number of edge_features");
        }
        check(
                !architecture.elementEmbedding() || architecture.compatibility() == null,
                ARCHITECTURE + "element_embedding",
                "false with compatibility hydragnn, which has no such thing",
                true);
    }

    /// Whether the attention's heads take the place of those of the configuration.
    private static boolean hasOwnHeads(Architecture architecture) {
        return architecture.attention().globalAttnEngine() == AttentionEngine.EQUIFORMER_V2
                && architecture.attention().equiformer().heads();
    }

    private static void gps(Architecture architecture) {
        Attention attention = architecture.attention();
        AttentionType type = attention.globalAttnType();
        check(type != null, ARCHITECTURE + "global_attn_type", "multihead or performer for GPS", type);
        positive(ARCHITECTURE + "global_attn_heads", attention.globalAttnHeads());
        check(
                type == AttentionType.PERFORMER || architecture.hiddenDim() % attention.globalAttnHeads() == 0,
                ARCHITECTURE + "global_attn_heads",
                "a divisor of hidden_dim " + architecture.hiddenDim() + " for GPS",
                attention.globalAttnHeads());
        check(attention.peDim() >= 0, ARCHITECTURE + "pe_dim", "0 or more", attention.peDim());
        for (NodeBranch branch : architecture.outputHeads().node()) {
            NodeHeadType head = branch.architecture().type();
            check(
                    head != NodeHeadType.CONV,
                    ARCHITECTURE + "output_heads.node",
                    "mlp or mlp_per_node with GPS",
                    Keys.text(head));
        }
        check(
                architecture.mpnnType() != MpnnType.SCHNET
                        || attention.peDim() == 0
                        || !Boolean.TRUE.equals(architecture.equivariance()),
                ARCHITECTURE + "equivariance",
                "null or false for SchNet with GPS and pe_dim",
                architecture.equivariance());
        Double dropout = attention.globalAttnDropout();
        check(
                dropout == null || (dropout >= 0 && dropout < 1),
                ARCHITECTURE + "global_attn_dropout",
                "0 or more, below 1",
                dropout);
    }

    private static void attention(Architecture architecture) {
        AttentionEngine engine = architecture.attention().globalAttnEngine();
        if (engine == AttentionEngine.GPS) {
            gps(architecture);
        }
        if (engine != AttentionEngine.EQUIFORMER_V2) {
            check(
                    architecture.mpnnType() != MpnnType.NONE,
                    ARCHITECTURE + "mpnn_type",
                    "message passing without EquiformerV2",
                    architecture.mpnnType());
            return;
        }
        String path = ARCHITECTURE + "equiformer_";
        Equiformer settings = architecture.attention().equiformer();
        positive(ARCHITECTURE + "global_attn_heads", architecture.attention().globalAttnHeads());
        check(!settings.lmaxList().isEmpty(), path + "lmax_list", "at least one degree", settings.lmaxList());
        sameLength(path + "mmax_list", settings.mmaxList(), settings.lmaxList().size());
        for (int i = 0; i < settings.lmaxList().size(); i++) {
            int lmax = settings.lmaxList().get(i);
            int mmax = settings.mmaxList().get(i);
            check(lmax >= 0 && lmax <= MOST_DEGREE, path + "lmax_list", "0 to " + MOST_DEGREE, lmax);
            check(mmax >= 0 && mmax <= lmax, path + "mmax_list", "0 to the degree " + lmax, mmax);
        }
        Integer grid = settings.gridResolution();
        check(grid == null || (grid > 0 && grid % 2 == 0), path + "grid_resolution", "an even number above 0", grid);
        positive(path + "sphere_channels", settings.sphereChannels());
        check(
                settings.maxNumElements() > 1 && settings.maxNumElements() <= Inputs.ELEMENTS,
                path + "max_num_elements",
                "2 to " + Inputs.ELEMENTS,
                settings.maxNumElements());
        positive(path + "edge_channels", settings.edgeChannels());
        positive(path + "attn_hidden_channels", settings.attnHiddenChannels());
        positive(path + "attn_alpha_channels", settings.attnAlphaChannels());
        positive(path + "attn_value_channels", settings.attnValueChannels());
        positive(path + "ffn_hidden_channels", settings.ffnHiddenChannels());
        check(settings.numDistanceBasis() > 1, path + "num_distance_basis", "at least 2", settings.numDistanceBasis());
        for (double share : new double[] {settings.alphaDrop(), settings.dropPathRate(), settings.projDrop()}) {
            check(share >= 0 && share < 1, path + "alpha_drop, drop_path_rate, proj_drop", "0 or more, below 1", share);
        }
        positive(path + "radius", settings.radius());
        positive(path + "max_neighbours", settings.maxNeighbours());
        positive(path + "avg_degree", settings.avgDegree());
        positive(path + "avg_num_nodes", settings.avgNumNodes());
        check(
                architecture.mpnnType() != MpnnType.NONE
                        || settings.edges() != EquiformerEdges.RADIUS
                        || (Objects.equals(architecture.radius(), settings.radius())
                                && Objects.equals(architecture.maxNeighbours(), settings.maxNeighbours())),
                ARCHITECTURE + "radius, max_neighbours",
                "those of equiformer_ or none with mpnn_type none",
                architecture.radius() + ", " + architecture.maxNeighbours());
    }

    private static void heads(OutputHeads heads, VariablesOfInterest variables) {
        String path = ARCHITECTURE + "output_heads.";
        for (Level level : variables.type()) {
            boolean empty = (level == Level.GRAPH ? heads.graph() : heads.node()).isEmpty();
            if (empty) {
                throw new ConfigException(path + Keys.text(level) + ": required key is missing (" + VARIABLES
                        + "type names a " + Keys.text(level) + " output)");
            }
        }
        for (GraphBranch branch : heads.graph()) {
            GraphHead head = branch.architecture();
            positive(path + "graph.num_sharedlayers", head.numSharedlayers());
            positive(path + "graph.dim_sharedlayers", head.dimSharedlayers());
            sameLength(path + "graph.dim_headlayers", head.dimHeadlayers(), head.numHeadlayers());
            head.dimHeadlayers().forEach(dim -> positive(path + "graph.dim_headlayers", dim));
        }
        for (NodeBranch branch : heads.node()) {
            NodeHead head = branch.architecture();
            sameLength(path + "node.dim_headlayers", head.dimHeadlayers(), head.numHeadlayers());
            head.dimHeadlayers().forEach(dim -> positive(path + "node.dim_headlayers", dim));
        }
    }

    private static void potential(Architecture architecture, VariablesOfInterest variables, Training training) {
        Potential potential = architecture.potential();
        double[] weights = {potential.energyWeight(), potential.energyPeratomWeight(), potential.forceWeight()};
        String[] names = {"energy_weight", "energy_peratom_weight", "force_weight"};
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
            check(weights[i] >= 0, ARCHITECTURE + names[i], "0 or more", weights[i]);
            sum += weights[i];
        }
        EnergyScale scale = potential.energyScale();
        if (scale != null) {
            positive(ARCHITECTURE + "energy_scale", scale.value());
        }
        check(
                !architecture.normalizeTargets() || architecture.compatibility() == null,
                ARCHITECTURE + "normalize_targets",
                "false with compatibility hydragnn, which has no such thing",
                true);
        String mode = ARCHITECTURE + "enable_interatomic_potential";
        if (!potential.enableInteratomicPotential()) {
            boolean unused = sum == 0
                    && potential.energyLossType() == null
                    && potential.forceLossType() == null
                    && scale == null
                    && potential.energyReference() == EnergyReference.NONE;
            check(unused, mode, "true where energy_weight, force_weight, energy_scale or the like is set", false);
            return;
        }
        check(
                !architecture.normalizeTargets() || scale != null,
                ARCHITECTURE + "normalize_targets",
                "false for a potential without energy_scale, by which energies and forces would be divided",
                true);
        check(
                scale == null
                        || scale.rule() != ScaleRule.ENERGY_STD
                        || potential.energyReference() != EnergyReference.NONE,
                ARCHITECTURE + "energy_reference",
                "mean or per_element with energy_scale energy_std",
                Keys.text(potential.energyReference()));
        check(sum > 0, ARCHITECTURE + "force_weight", "a positive weight of energy, energy per atom or forces", 0);
        check(
                variables.type().size() == 1 && variables.outputDim().equals(List.of(1)),
                VARIABLES + "type",
                "one output of width 1, the energy, for an interatomic potential",
                variables.outputNames());
        check(
                variables.type().getFirst() == Level.NODE || architecture.graphPooling() == Pooling.ADD,
                ARCHITECTURE + "graph_pooling",
                "add for an interatomic potential with a graph head",
                Keys.text(architecture.graphPooling()));
        check(
                architecture.edgeFeatures().isEmpty(),
                ARCHITECTURE + "edge_features",
                "[] for an interatomic potential",
                architecture.edgeFeatures());
        check(
                training.lossFunctionType() != Loss.GAUSSIAN_NLL,
                TRAINING + "loss_function_type",
                "mse, mae, rmse, smooth_l1 or l2 for an interatomic potential",
                Keys.text(training.lossFunctionType()));
        boolean reference = architecture.compatibility() != null
                && (scale != null || potential.energyReference() != EnergyReference.NONE);
        check(!reference, ARCHITECTURE + "compatibility", "null with energy_scale or energy_reference", "hydragnn");
    }

    /// The root of a mean over a step is no sum over its batches.
    private static void accumulation(Potential potential, Training training) {
        boolean root = training.lossFunctionType() == Loss.RMSE
                || potential.energyLossType() == Loss.RMSE
                || potential.forceLossType() == Loss.RMSE;
        check(
                !root || training.gradientAccumulationSteps() == 1,
                TRAINING + "gradient_accumulation_steps",
                "1 with a loss of type rmse",
                training.gradientAccumulationSteps());
    }

    private static void training(Training training) {
        notNegative(TRAINING + "epoch_start", training.epochStart());
        check(
                training.epochStart() == 0 || training.epochStart() < training.numEpoch(),
                TRAINING + "epoch_start",
                "less than num_epoch " + training.numEpoch(),
                training.epochStart());
        positive(TRAINING + "batch_size", training.batchSize());
        Double part = training.percTrain();
        check(part == null || (part > 0 && part <= 1), TRAINING + "perc_train", "more than 0, at most 1", part);
        positive(TRAINING + "gradient_clip_norm", training.gradientClipNorm());
        positive(TRAINING + "global_attn_redraw_interval", training.globalAttnRedrawInterval());
        positive(TRAINING + "gradient_accumulation_steps", training.gradientAccumulationSteps());
        Double decay = training.emaDecay();
        check(decay == null || (decay > 0 && decay < 1), TRAINING + "ema_decay", "more than 0, below 1", decay);
        positive(TRAINING + "patience", training.patience());
        notNegative(TRAINING + "checkpoint_warmup", training.checkpointWarmup());
        positive(TRAINING + "checkpoint_every_steps", training.checkpointEverySteps());
        positive(TRAINING + "keep_checkpoints", training.keepCheckpoints());
        positive(TRAINING + "gradient_bucket_mib", training.gradientBucketMib());
        positive(TRAINING + "threads", training.threads());
        check(
                training.checkpoint() || training.checkpointEverySteps() == null,
                TRAINING + "checkpoint_every_steps",
                "null where Checkpoint is false",
                training.checkpointEverySteps());
        check(
                training.logName().matches("[^/]+") && !training.logName().matches("\\.{1,2}"),
                TRAINING + "log_name",
                "a name of a folder, without /",
                training.logName());
    }

    private static void batching(Batching batching) {
        String path = TRAINING + "Batching.";
        positive(path + "max_nodes", batching.maxNodes());
        positive(path + "max_edges", batching.maxEdges());
        positive(path + "max_graphs", batching.maxGraphs());
        belongs(path + "max_nodes", batching.maxNodes(), batching.mode() == BatchMode.NODE_BUDGET, batching);
        belongs(path + "max_edges", batching.maxEdges(), batching.mode() == BatchMode.EDGE_BUDGET, batching);
        check(
                batching.maxGraphs() == null || batching.mode() != BatchMode.FIXED,
                path + "max_graphs",
                "null with mode fixed (batch_size is the number of graphs)",
                batching.maxGraphs());
    }

    private static void belongs(String path, @Nullable Integer limit, boolean needed, Batching batching) {
        if (needed && limit == null) {
            throw missing(path);
        }
        check(needed || limit == null, path, "null with mode " + Keys.text(batching.mode()), limit);
    }

    private static void optimizer(Optimizer optimizer) {
        String path = TRAINING + "Optimizer.";
        positive(path + "learning_rate", optimizer.learningRate());
        notNegative(path + "weight_decay", optimizer.weightDecay());
        positive(path + "eps", optimizer.eps());
        notNegative(path + "momentum", optimizer.momentum());
        distinct(path + "no_decay", optimizer.noDecay());
        sameLength(path + "betas", optimizer.betas(), 2);
        optimizer.betas().forEach(beta -> check(beta >= 0 && beta < 1, path + "betas", "0 or more, below 1", beta));
        boolean sgd = optimizer.type() == OptimizerType.SGD;
        check(
                sgd || optimizer.type() == OptimizerType.RMSPROP || optimizer.momentum() == 0,
                path + "momentum",
                "0 with " + optimizer.type(),
                optimizer.momentum());
        check(
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
        check(factor > 0 && factor < 1, path + "factor", "more than 0, below 1", factor);
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
        check(
                training.reduceLrOnPlateau() == null,
                TRAINING + "ReduceLROnPlateau",
                "null beside CosineWithWarmup: one schedule of the learning rate",
                "both");
        String path = TRAINING + "CosineWithWarmup.";
        notNegative(path + "warmup_epochs", cosine.warmupEpochs());
        int epochs = training.numEpoch() - training.epochStart();
        check(
                training.numEpoch() == 0 || cosine.warmupEpochs() < epochs,
                path + "warmup_epochs",
                "less than the run's " + epochs + " epochs",
                cosine.warmupEpochs());
        fraction(path + "warmup_factor", cosine.warmupFactor());
        fraction(path + "lr_min_factor", cosine.lrMinFactor());
    }

    private static void source(DatasetConfig dataset) {
        Set<String> roles = dataset.path().keySet();
        check(
                roles.isEmpty() || roles.equals(Set.of("total")) || roles.equals(Set.copyOf(ROLES)),
                "Dataset.path",
                "either total or train, validate and test",
                roles);
        if (!roles.isEmpty() && dataset.format() == null) {
            throw missing("Dataset.format");
        }
        check(!dataset.name().isEmpty(), "Dataset.name", "a name", "\"\"");
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
        check(
                dataset.path().isEmpty() || dataset.path().containsKey("total"),
                "Dataset.split",
                "null beside separate paths for train, validate and test",
                dataset.path().keySet());
        int rules = (split.counts() == null ? 0 : 1)
                + (split.fractions() == null ? 0 : 1)
                + (split.indices() == null ? 0 : 1);
        check(rules == 1, "Dataset.split", "exactly one of counts, fractions and indices", rules + " of them");
        if (split.counts() != null) {
            sameLength("Dataset.split.counts", split.counts(), ROLES.size());
            split.counts().forEach(count -> notNegative("Dataset.split.counts", count));
            positive("Dataset.split.counts", split.counts().getFirst());
        }
        if (split.fractions() != null) {
            sameLength("Dataset.split.fractions", split.fractions(), ROLES.size());
            split.fractions().forEach(fraction -> notNegative("Dataset.split.fractions", fraction));
            double sum = split.fractions().stream().mapToDouble(f -> f).sum();
            check(sum > 0 && sum < 1 + 1e-9, "Dataset.split.fractions", "a sum of at most 1", sum);
        }
        if (split.indices() != null) {
            Set<String> given = split.indices().keySet();
            check(
                    given.contains("train") && ROLES.containsAll(given),
                    "Dataset.split.indices",
                    "train and, if wanted, validate and test",
                    given);
        }
        check(
                !dataset.compositionalStratifiedSplitting() || split.indices() == null,
                "Dataset.compositional_stratified_splitting",
                "false with indices",
                true);
    }

    private static void columns(DatasetConfig dataset, VariablesOfInterest variables, Architecture architecture) {
        int columns = dataset.nodeFeatures().dim().stream().mapToInt(dim -> dim).sum();
        for (int column : variables.inputNodeFeatures()) {
            check(
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
            String features = "Dataset." + Keys.text(level) + "_features";
            check(
                    index >= 0 && index < dims.size(),
                    VARIABLES + "output_index",
                    "one of the " + dims.size() + " " + features,
                    index);
            equal(VARIABLES + "output_dim", variables.outputDim().get(head), dims.get(index), features + ".dim");
        }
    }

    private static void check(boolean holds, String path, String contract, @Nullable Object got) {
        if (!holds) {
            throw new ConfigException(path + ": want " + contract + ", got " + got);
        }
    }

    private static ConfigException missing(String path) {
        return new ConfigException(path + ": required key is missing");
    }

    private static void equal(String path, Object got, Object wanted, String what) {
        check(got.equals(wanted), path, wanted + ", the " + what, got);
    }

    private static void sameLength(String path, List<?> list, int length) {
        check(list.size() == length, path, length + " entries", list.size() + ": " + list);
    }

    private static void distinct(String path, List<?> list) {
        check(Set.copyOf(list).size() == list.size(), path, "different entries", list);
    }

    private static void positive(String path, @Nullable Number value) {
        check(value == null || value.doubleValue() > 0, path, "more than 0", value);
    }

    private static void fraction(String path, double value) {
        check(value >= 0 && value <= 1, path, "0 to 1", value);
    }

    private static void notNegative(String path, Number value) {
        check(value.doubleValue() >= 0, path, "0 or more", value);
    }
}
