//! Filters on payloads: Qdrant's `must`, `should`, `must_not` over conditions.

use serde_json::Value;

use crate::fail::Failure;
use crate::id::PointId;

/// Conditions that stand in each other at most.
const DEPTH_MAX: usize = 16;

/// A filter that was read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    must: Vec<Condition>,
    should: Vec<Condition>,
    must_not: Vec<Condition>,
    min_should: Option<(usize, Vec<Condition>)>,
}

#[derive(Clone, Debug)]
enum Condition {
    Field { key: Vec<String>, test: Test },
    HasId(Vec<PointId>),
    Nested(Filter),
}

#[derive(Clone, Debug)]
enum Test {
    Value(Value),
    Text(String),
    Any(Vec<Value>),
    Except(Vec<Value>),
    Range { gt: Option<f64>, gte: Option<f64>, lt: Option<f64>, lte: Option<f64> },
    Count { gt: Option<f64>, gte: Option<f64>, lt: Option<f64>, lte: Option<f64> },
    Empty,
    Null,
}

impl Filter {
    /// From JSON; null is no filter.
    pub fn parse(value: &Value) -> Result<Option<Self>, Failure> {
        if value.is_null() { Ok(None) } else { parse_filter(value, 0).map(Some) }
    }

    /// Whether a point passes.
    pub fn passes(&self, id: PointId, payload: &Value) -> bool {
        let holds = |condition: &Condition| condition.holds(id, payload);
        self.must.iter().all(holds)
            && !self.must_not.iter().any(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && self
                .min_should
                .as_ref()
                .is_none_or(|(least, conditions)| conditions.iter().filter(|c| holds(c)).count() >= *least)
    }
}

impl Condition {
    fn holds(&self, id: PointId, payload: &Value) -> bool {
        match self {
            Condition::HasId(ids) => ids.contains(&id),
            Condition::Nested(filter) => filter.passes(id, payload),
            Condition::Field { key, test } => test.holds(payload, key),
        }
    }
}

impl Test {
    fn holds(&self, payload: &Value, key: &[String]) -> bool {
        let mut values = Vec::new();
        collect(payload, key, &mut values);
        match self {
            Test::Empty => {
                values.iter().all(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty))
            }
            Test::Null => values.iter().any(|value| value.is_null()),
            Test::Count { gt, gte, lt, lte } => {
                let count = values
                    .iter()
                    .map(|value| value.as_array().map_or(usize::from(!value.is_null()), Vec::len))
                    .sum::<usize>();
                within(count as f64, (*gt, *gte, *lt, *lte))
            }
            Test::Except(none) => each(&values).any(|value| !none.contains(value)),
            Test::Value(wanted) => each(&values).any(|value| value == wanted),
            Test::Any(any) => each(&values).any(|value| any.contains(value)),
            Test::Text(text) => {
                each(&values).any(|value| value.as_str().is_some_and(|value| value.contains(text.as_str())))
            }
            Test::Range { gt, gte, lt, lte } => {
                each(&values).filter_map(Value::as_f64).any(|value| within(value, (*gt, *gte, *lt, *lte)))
            }
        }
    }
}

type Bounds = (Option<f64>, Option<f64>, Option<f64>, Option<f64>);

fn within(value: f64, (gt, gte, lt, lte): Bounds) -> bool {
    gt.is_none_or(|bound| value > bound)
        && gte.is_none_or(|bound| value >= bound)
        && lt.is_none_or(|bound| value < bound)
        && lte.is_none_or(|bound| value <= bound)
}

/// Values, and the elements of those that are arrays.
fn each<'a>(values: &'a [&'a Value]) -> impl Iterator<Item = &'a Value> {
    values.iter().flat_map(|value| match value.as_array() {
        Some(array) => array.iter().collect::<Vec<_>>(),
        None => vec![*value],
    })
}

/// What stands at a path; a part that ends in `[]` goes into the elements of an array.
fn collect<'a>(value: &'a Value, path: &[String], out: &mut Vec<&'a Value>) {
    let Some((part, rest)) = path.split_first() else { return out.push(value) };
    match part.strip_suffix("[]") {
        None => {
            if let Some(next) = value.get(part) {
                collect(next, rest, out);
            }
        }
        Some(part) => {
            for next in value.get(part).and_then(Value::as_array).into_iter().flatten() {
                collect(next, rest, out);
            }
        }
    }
}

fn parse_filter(value: &Value, depth: usize) -> Result<Filter, Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::bad(format!("filters stand in each other more than {DEPTH_MAX} deep")));
    }
    let Some(object) = value.as_object() else {
        return Err(Failure::bad(format!(
            "{value} is no filter: expected an object with must, should or must_not"
        )));
    };
    let mut filter = Filter::default();
    for (name, value) in object {
        match name.as_str() {
            "must" => filter.must = parse_list(value, depth)?,
            "should" => filter.should = parse_list(value, depth)?,
            "must_not" => filter.must_not = parse_list(value, depth)?,
            "min_should" => {
                let least = value["min_count"].as_u64().unwrap_or(0) as usize;
                filter.min_should =
                    (!value.is_null()).then_some((least, parse_list(&value["conditions"], depth)?));
            }
            other => {
                return Err(Failure::bad(format!(
                    "a filter has no {other}: expected must, should, must_not or min_should"
                )));
            }
        }
    }
    Ok(filter)
}

fn parse_list(value: &Value, depth: usize) -> Result<Vec<Condition>, Failure> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(|one| parse_condition(one, depth)).collect(),
        one => Ok(vec![parse_condition(one, depth)?]),
    }
}

fn parse_condition(value: &Value, depth: usize) -> Result<Condition, Failure> {
    if let Some(ids) = value.get("has_id").and_then(Value::as_array) {
        return Ok(Condition::HasId(ids.iter().map(PointId::parse).collect::<Result<_, _>>()?));
    }
    for (name, test) in [("is_empty", Test::Empty), ("is_null", Test::Null)] {
        if let Some(key) = value.get(name).and_then(|one| one["key"].as_str()) {
            return Ok(Condition::Field { key: path(key), test });
        }
    }
    let Some(key) = value.get("key").and_then(Value::as_str) else {
        return parse_filter(value, depth + 1).map(Condition::Nested);
    };
    Ok(Condition::Field { key: path(key), test: parse_test(value)? })
}

fn path(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

fn bounds(value: &Value) -> Result<Bounds, Failure> {
    let bound = |name: &str| match &value[name] {
        Value::Null => Ok(None),
        value => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| Failure::bad(format!("{name} is {value}: expected a number"))),
    };
    Ok((bound("gt")?, bound("gte")?, bound("lt")?, bound("lte")?))
}

fn parse_test(value: &Value) -> Result<Test, Failure> {
    let given = |name: &str| value.get(name).filter(|value| !value.is_null());
    if let Some(range) = given("range") {
        let (gt, gte, lt, lte) = bounds(range)?;
        return Ok(Test::Range { gt, gte, lt, lte });
    }
    if let Some(range) = given("values_count") {
        let (gt, gte, lt, lte) = bounds(range)?;
        return Ok(Test::Count { gt, gte, lt, lte });
    }
    let Some(matching) = given("match") else {
        return Err(Failure::bad(format!(
            "{value} is no condition: expected match, range, values_count, is_empty, is_null or has_id"
        )));
    };
    let list = |name: &str| matching.get(name).and_then(Value::as_array).cloned();
    if let Some(any) = list("any") {
        return Ok(Test::Any(any));
    }
    if let Some(except) = list("except") {
        return Ok(Test::Except(except));
    }
    if let Some(text) = matching.get("text").and_then(Value::as_str) {
        return Ok(Test::Text(text.to_owned()));
    }
    match matching.get("value") {
        Some(value) => Ok(Test::Value(value.clone())),
        None => Err(Failure::bad(format!("{matching} matches nothing: expected value, any, except or text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn passes(filter: Value, payload: &Value) -> bool {
        Filter::parse(&filter).unwrap().unwrap().passes(PointId::Number(7), payload)
    }

    #[test]
    fn conditions_hold_as_in_qdrant() {
        let payload = json!({"city": "Rom", "tags": ["a", "b"], "n": 3, "deep": {"x": [{"y": 1}, {"y": 2}]}, "none": null});
        let field = |key: &str, test: Value| {
            let mut condition = json!({"key": key});
            condition.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
            json!({"must": [condition]})
        };
        for (filter, right) in [
            (field("city", json!({"match": {"value": "Rom"}})), true),
            (field("city", json!({"match": {"value": "Bonn"}})), false),
            (field("tags", json!({"match": {"value": "b"}})), true),
            (field("tags", json!({"match": {"any": ["c", "a"]}})), true),
            (field("city", json!({"match": {"except": ["Rom"]}})), false),
            (field("city", json!({"match": {"text": "om"}})), true),
            (field("n", json!({"range": {"gt": 2, "lte": 3}})), true),
            (field("n", json!({"range": {"lt": 3}})), false),
            (field("deep.x[].y", json!({"match": {"value": 2}})), true),
            (field("tags", json!({"values_count": {"gte": 2}})), true),
            (json!({"must": [{"is_empty": {"key": "nothing"}}]}), true),
            (json!({"must": [{"is_null": {"key": "none"}}]}), true),
            (json!({"must_not": [{"has_id": [7]}]}), false),
            (json!({"should": [{"has_id": [8]}, {"key": "n", "match": {"value": 3}}]}), true),
            (json!({"must": [{"should": [{"has_id": [8]}]}]}), false),
            (json!({"must": {"key": "n", "match": {"value": 3}}}), true),
        ] {
            assert_eq!(passes(filter.clone(), &payload), right, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let mut deep = json!({"must": []});
        (0..40).for_each(|_| deep = json!({"must": [deep]}));
        for bad in [
            json!([]),
            json!({"musst": []}),
            json!({"must": [{"key": "a"}]}),
            deep,
            json!({"must": [{"key": "a", "range": {"gt": "x"}}]}),
        ] {
            assert_eq!(Filter::parse(&bad).unwrap_err().status, 400);
        }
        assert!(Filter::parse(&Value::Null).unwrap().is_none());
    }
}
