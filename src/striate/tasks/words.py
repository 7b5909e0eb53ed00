"""What a task's scores are called, in English and in Korean."""

from striate.sources.source import TaskName

# Task -> the metric of the second curve: its caption and what it shows, in English and in Korean.
CURVE = {
    "classification": ("Accuracy in percent", "정확도 (%)", "Accuracy over epochs · 에포크별 정확도"),
    "multi-label": (
        "Pictures with every label right, in percent",
        "모든 레이블을 맞힌 사진 (%)",
        "Exact matches over epochs · 에포크별 완전 일치율",
    ),
    "regression": ("R² (1 is best)", "결정계수 R² (1이 최고)", "R² over epochs · 에포크별 R²"),
}
# Task -> the scores that head the page: name in metrics.jsonl, in English and in Korean.
HEADLINES = {
    "classification": [("accuracy", "accuracy", "정확도")],
    "multi-label": [
        ("mean_average_precision", "mean average precision", "평균 정밀도 (mAP)"),
        ("micro_f1", "F1 of all labels", "전체 레이블 F1"),
        ("exact_match", "pictures with every label right", "모든 레이블을 맞힌 사진"),
    ],
    "regression": [("r2", "R²", "결정계수 R²")],
}

# Task -> what the page calls its score, in English and in Korean.
SCORES: dict[TaskName, tuple[str, str]] = {
    "classification": ("Accuracy", "정확도"),
    "multi-label": ("Every label right", "모든 레이블 정답"),
    "regression": ("R²", "결정계수 R²"),
}
