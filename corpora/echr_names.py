"""Names the Court's records abbreviate: articles of the Convention, respondent States, articles in a conclusion."""

from __future__ import annotations

import re

_ARTICLES: dict[str, str] = {
    "2": "Right to life",
    "3": "Prohibition of torture",
    "4": "Prohibition of slavery and forced labour",
    "5": "Right to liberty and security",
    "6": "Right to a fair trial",
    "7": "No punishment without law",
    "8": "Right to respect for private and family life",
    "9": "Freedom of thought, conscience and religion",
    "10": "Freedom of expression",
    "11": "Freedom of assembly and association",
    "12": "Right to marry",
    "13": "Right to an effective remedy",
    "14": "Prohibition of discrimination",
    "18": "Limitation on use of restrictions on rights",
    "P1-1": "Protection of property",
    "P1-2": "Right to education",
    "P1-3": "Right to free elections",
    "P4-1": "Prohibition of imprisonment for debt",
    "P4-2": "Freedom of movement",
    "P4-3": "Prohibition of expulsion of nationals",
    "P4-4": "Prohibition of collective expulsion of aliens",
    "P6-1": "Abolition of the death penalty",
    "P7-1": "Procedural safeguards relating to expulsion of aliens",
    "P7-2": "Right of appeal in criminal matters",
    "P7-3": "Compensation for wrongful conviction",
    "P7-4": "Right not to be tried or punished twice",
    "P7-5": "Equality between spouses",
    "P12-1": "General prohibition of discrimination",
    "P13-1": "Abolition of the death penalty in all circumstances",
}
_STATES: dict[str, str] = {
    "ALB": "Albania",
    "AND": "Andorra",
    "ARM": "Armenia",
    "AUT": "Austria",
    "AZE": "Azerbaijan",
    "BEL": "Belgium",
    "BGR": "Bulgaria",
    "BIH": "Bosnia and Herzegovina",
    "CHE": "Switzerland",
    "CYP": "Cyprus",
    "CZE": "Czech Republic",
    "DEU": "Germany",
    "DNK": "Denmark",
    "ESP": "Spain",
    "EST": "Estonia",
    "FIN": "Finland",
    "FRA": "France",
    "GBR": "United Kingdom",
    "GEO": "Georgia",
    "GRC": "Greece",
    "HRV": "Croatia",
    "HUN": "Hungary",
    "IRL": "Ireland",
    "ISL": "Iceland",
    "ITA": "Italy",
    "LIE": "Liechtenstein",
    "LTU": "Lithuania",
    "LUX": "Luxembourg",
    "LVA": "Latvia",
    "MCO": "Monaco",
    "MDA": "Moldova",
    "MKD": "North Macedonia",
    "MLT": "Malta",
    "MNE": "Montenegro",
    "NLD": "Netherlands",
    "NOR": "Norway",
    "POL": "Poland",
    "PRT": "Portugal",
    "ROU": "Romania",
    "RUS": "Russia",
    "SMR": "San Marino",
    "SRB": "Serbia",
    "SVK": "Slovakia",
    "SVN": "Slovenia",
    "SWE": "Sweden",
    "TUR": "Turkey",
    "UKR": "Ukraine",
}
_SMALL_WORDS = {"Of": "of", "And": "and", "The": "the"}
_CONCLUDED = re.compile(r"\b(no )?violations? of (?:art(?:icle)?s?\.?)\s*([^;:(]*)", re.IGNORECASE)
_NUMBERS = re.compile(r"P\d{1,2}-\d{1,2}|\d{1,2}")


def article_name(article: str) -> str:
    """`Article 8 - Right to respect for private and family life`; a number without a known name stands alone."""
    protocol = re.fullmatch(r"P(\d+)-(\d+)", article)
    number = f"Article {protocol[2]} of Protocol No. {protocol[1]}" if protocol else f"Article {article}"
    return f"{number} - {_ARTICLES[article]}" if article in _ARTICLES else number


def state_name(respondent: str | None) -> str | None:
    """A State by its three letters or its name in capitals; None for several respondents, which are no one class."""
    if not respondent or ";" in respondent:
        return None
    if respondent in _STATES:
        return _STATES[respondent]
    words = re.sub(r"^THE ", "", respondent.strip().upper()).title().split()
    return " ".join(_SMALL_WORDS.get(word, word) for word in words) or None


def articles_in(conclusion: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Articles violated and not violated, as a conclusion names them: `Violation of Art. 6-1;No violation of P1-1`."""
    violated: dict[str, None] = {}
    others: dict[str, None] = {}
    for negated, named in _CONCLUDED.findall(conclusion):
        first = _NUMBERS.search(named)
        if first:
            (others if negated else violated)[first.group().upper()] = None
    return tuple(violated), tuple(others)
