"""The wire: every request and response of the HTTP API, and nothing else.

Requests are strict: unknown fields, NaN, infinities and numbers written as strings are refused.
Positions count from 0 as the server tokenises (BOS is position 0); activations are in the SAE's
own units; probabilities are after softmax at temperature 1; KL is in nats.
"""

from backend.schemas.base import (
    FieldError as FieldError,
    Interval as Interval,
    LiveState as LiveState,
    Mode as Mode,
    PositionRule as PositionRule,
    Problem as Problem,
    Request as Request,
    Response as Response,
    TokenClass as TokenClass,
)
from backend.schemas.browse.coverage import (
    Contrast as Contrast,
    CoverageResponse as CoverageResponse,
    CoverageRow as CoverageRow,
)
from backend.schemas.browse.features import (
    Example as Example,
    Explanation as Explanation,
    FeatureDetail as FeatureDetail,
    FeaturePage as FeaturePage,
    FeatureRow as FeatureRow,
    FiringClasses as FiringClasses,
    FiringToken as FiringToken,
    FoundFeature as FoundFeature,
    HistogramBin as HistogramBin,
    Lift as Lift,
    LogitToken as LogitToken,
    NearFeature as NearFeature,
    TokenWithExamples as TokenWithExamples,
)
from backend.schemas.browse.tokens import (
    FeatureNote as FeatureNote,
    TokenDetail as TokenDetail,
    TokenEdge as TokenEdge,
    TokenLayer as TokenLayer,
    TokenPage as TokenPage,
    TokenRow as TokenRow,
)
from backend.schemas.browse.claims import (
    Claim as Claim,
    ClaimList as ClaimList,
)
from backend.schemas.browse.consolidation import (
    BaselineRow as BaselineRow,
    CheckpointCoverage as CheckpointCoverage,
    CheckpointCoverageQuery as CheckpointCoverageQuery,
    CheckpointCurve as CheckpointCurve,
    CheckpointFeatures as CheckpointFeatures,
    CheckpointFeaturesQuery as CheckpointFeaturesQuery,
    CheckpointFeaturesRow as CheckpointFeaturesRow,
    Continuation as Continuation,
    Generations as Generations,
    GenerationsQuery as GenerationsQuery,
    HeldOut as HeldOut,
    LossQuery as LossQuery,
    LossResponse as LossResponse,
    LossRow as LossRow,
    PaperCurve as PaperCurve,
    Predictions as Predictions,
    PromptContinuations as PromptContinuations,
    Sentence as Sentence,
    StageRow as StageRow,
    TrainingRun as TrainingRun,
)
from backend.schemas.browse.experiments import (
    Experiment as Experiment,
    ExperimentAnswer as ExperimentAnswer,
    ExperimentAnswers as ExperimentAnswers,
    ExperimentEstimate as ExperimentEstimate,
    ExperimentList as ExperimentList,
    ExperimentPlace as ExperimentPlace,
    ExperimentTask as ExperimentTask,
)
from backend.schemas.naming import (
    TokenRef as TokenRef,
)
from backend.schemas.patching import (
    LensRequest as LensRequest,
    LensResponse as LensResponse,
    LensRow as LensRow,
    PatchCells as PatchCells,
    PatchEnds as PatchEnds,
    PatchFinalFrame as PatchFinalFrame,
    PatchFrame as PatchFrame,
    PatchRequest as PatchRequest,
    PatchResponse as PatchResponse,
    PatchRow as PatchRow,
    PatchRowFrame as PatchRowFrame,
    PatchSet as PatchSet,
    PromotedToken as PromotedToken,
    WatchedToken as WatchedToken,
)
from backend.schemas.prompts import (
    FeatureInfo as FeatureInfo,
    FiringColumns as FiringColumns,
    InspectRequest as InspectRequest,
    InspectResponse as InspectResponse,
    NextToken as NextToken,
    Split as Split,
    Token as Token,
    TokenizeRequest as TokenizeRequest,
    TokenizeResponse as TokenizeResponse,
)
from backend.schemas.queries import (
    CoverageQuery as CoverageQuery,
    ExportQuery as ExportQuery,
    FeatureQuery as FeatureQuery,
    FeaturesQuery as FeaturesQuery,
    TokenQuery as TokenQuery,
    TokensQuery as TokensQuery,
)
from backend.schemas.reactivation import (
    ClassDifference as ClassDifference,
    ClassIndex as ClassIndex,
    ReactivationIndex as ReactivationIndex,
    ReactivationRequest as ReactivationRequest,
    ReactivationResponse as ReactivationResponse,
    ReactivationSetRequest as ReactivationSetRequest,
    ReactivationSetResponse as ReactivationSetResponse,
    SetFinalFrame as SetFinalFrame,
    SetFrame as SetFrame,
    ShuffledSplit as ShuffledSplit,
    Spread as Spread,
)
from backend.schemas.runs import (
    InspectRun as InspectRun,
    Run as Run,
    RunCreated as RunCreated,
    RunDeleted as RunDeleted,
    RunFileQuery as RunFileQuery,
    RunLabels as RunLabels,
    RunRequest as RunRequest,
    SteerRun as SteerRun,
)
from backend.schemas.server import (
    Build as Build,
    BuildComparison as BuildComparison,
    BuildList as BuildList,
    Capabilities as Capabilities,
    Demonstration as Demonstration,
    Difference as Difference,
    Health as Health,
    Limits as Limits,
    Model as Model,
    Sae as Sae,
)
from backend.schemas.session import (
    Session as Session,
    SessionRequest as SessionRequest,
)
from backend.schemas.steering import (
    Arm as Arm,
    ArmFrame as ArmFrame,
    CancelResponse as CancelResponse,
    ErrorFrame as ErrorFrame,
    FeatureChoice as FeatureChoice,
    FeatureStrength as FeatureStrength,
    FinalFrame as FinalFrame,
    Intervention as Intervention,
    StartFrame as StartFrame,
    SteerRequest as SteerRequest,
    SteerResponse as SteerResponse,
    StrengthColumns as StrengthColumns,
    StrengthRequest as StrengthRequest,
    StrengthResponse as StrengthResponse,
    TokenFrame as TokenFrame,
)
from backend.schemas.sweep import (
    CellsFrame as CellsFrame,
    LanguageTarget as LanguageTarget,
    RegexTarget as RegexTarget,
    SweepBaseline as SweepBaseline,
    SweepCell as SweepCell,
    SweepFinalFrame as SweepFinalFrame,
    SweepFrame as SweepFrame,
    SweepRequest as SweepRequest,
    SweepResponse as SweepResponse,
    Target as Target,
    TokenTarget as TokenTarget,
)
from backend.schemas.traits import (
    Rate as Rate,
    TraitArm as TraitArm,
    TraitLayer as TraitLayer,
    TraitProgressFrame as TraitProgressFrame,
    TraitsFinalFrame as TraitsFinalFrame,
    TraitsRequest as TraitsRequest,
    TraitsResponse as TraitsResponse,
    TraitStrength as TraitStrength,
    TraitTrial as TraitTrial,
)
