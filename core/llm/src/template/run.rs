//! The stack machine.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dolmen_text::json;
use spin::mutex::SpinMutex;

use super::builtin::{self, Fail};
use super::value::{Value, place};
use super::{Arguments, Binary, Op, Template, TemplateError};
use crate::limits::{TEMPLATE_DEPTH_MAX, TEMPLATE_OUTPUT_MAX, TEMPLATE_STEPS_MAX};

/// A loop that runs.
struct Loop {
    elements: Vec<Value>,
    at: usize,
    kept: Vec<Value>,
    scope: usize,
}

/// A macro that runs.
struct Call {
    back: usize,
    base: usize,
    scopes: usize,
    loops: usize,
}

type Scope = Vec<(String, Value)>;

struct Machine<'t> {
    template: &'t Template,
    stack: Vec<Value>,
    scopes: Vec<Scope>,
    /// The first scope of the macro that runs.
    base: usize,
    loops: Vec<Loop>,
    calls: Vec<Call>,
    outputs: Vec<String>,
    /// Bytes that were made, on the way too.
    made: usize,
    now: i64,
}

pub(super) fn run(
    template: &Template,
    variables: json::Value<'_>,
    now: i64,
) -> Result<String, TemplateError> {
    let deep = TemplateError::Limit { what: "values in values", max: 2 * TEMPLATE_DEPTH_MAX };
    let mut globals = Scope::new();
    for (name, value) in variables.members() {
        globals.push((name.into_owned(), Value::from_json(value).ok_or_else(|| deep.clone())?));
    }
    let mut machine = Machine {
        template,
        stack: Vec::new(),
        scopes: Vec::from([globals]),
        base: 0,
        loops: Vec::new(),
        calls: Vec::new(),
        outputs: Vec::from([String::new()]),
        made: 0,
        now,
    };
    machine.run()?;
    Ok(machine.outputs.pop().unwrap_or_default())
}

impl Machine<'_> {
    fn run(&mut self) -> Result<(), TemplateError> {
        let (mut at, mut steps) = (0, 0);
        while let Some(op) = self.template.ops.get(at) {
            steps += 1;
            if steps > TEMPLATE_STEPS_MAX {
                return Err(TemplateError::Limit { what: "steps", max: TEMPLATE_STEPS_MAX });
            }
            let before = self.stack.len();
            at = self.step(op, at).map_err(|fail| self.explain(fail, at))?;
            if self.stack.len() > before {
                self.weigh()?;
            }
        }
        Ok(())
    }

    fn explain(&self, fail: Fail, op: usize) -> TemplateError {
        let at = self.template.places.get(op).map_or(0, |&at| at as usize);
        match fail {
            Fail::Value(wanted) => TemplateError::Value { at, wanted },
            Fail::Unsupported(what) => TemplateError::Unsupported { at, what },
            Fail::Limit => TemplateError::Limit { what: "bytes of values", max: TEMPLATE_OUTPUT_MAX },
            Fail::Raised(words) => TemplateError::Raised(words),
        }
    }

    /// Counts what a new value takes.
    fn weigh(&mut self) -> Result<(), TemplateError> {
        self.made += match self.stack.last() {
            Some(Value::Text(text)) => text.len(),
            Some(Value::List(list, _)) => list.len() * 16,
            Some(Value::Dictionary(members, _)) => members.len() * 32,
            _ => 0,
        };
        if self.made > TEMPLATE_OUTPUT_MAX * 4 {
            return Err(TemplateError::Limit { what: "bytes of values", max: TEMPLATE_OUTPUT_MAX * 4 });
        }
        Ok(())
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Undefined)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn load(&self, name: &str) -> Value {
        let inner = self.scopes[self.base..].iter().rev();
        let mut all = inner.chain(self.scopes.first());
        let found = all.find_map(|scope| scope.iter().rev().find(|(known, _)| known == name));
        match found {
            Some((_, value)) => value.clone(),
            None => builtin::FUNCTIONS
                .iter()
                .find(|known| **known == name)
                .map_or(Value::Undefined, |known| Value::Function(known)),
        }
    }

    fn store(&mut self, name: &str, value: Value) {
        let scope = self.scopes.last_mut().expect("the first scope stays");
        match scope.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => scope.push((String::from(name), value)),
        }
    }

    fn emit(&mut self, text: &str) -> Result<(), Fail> {
        self.made += text.len();
        if self.made > TEMPLATE_OUTPUT_MAX * 4 {
            return Err(Fail::Limit);
        }
        self.outputs.last_mut().expect("the first output stays").push_str(text);
        Ok(())
    }

    /// The arguments of a call from the stack.
    fn arguments(&mut self, arguments: &Arguments) -> (Vec<Value>, Vec<(String, Value)>) {
        let named = self.stack.split_off(self.stack.len().saturating_sub(arguments.names.len()));
        let named = arguments.names.iter().cloned().zip(named).collect();
        (self.stack.split_off(self.stack.len().saturating_sub(arguments.count)), named)
    }

    /// One operation; where the next one is.
    fn step(&mut self, op: &Op, at: usize) -> Result<usize, Fail> {
        match op {
            Op::Text(begin, end) => {
                let template = self.template;
                self.emit(&template.text[*begin as usize..*end as usize])?;
            }
            Op::Emit => {
                let mut text = String::new();
                self.pop().print(&mut text);
                self.emit(&text)?;
            }
            Op::Const(value) => self.push(value.clone()),
            Op::Load(name) => self.push(self.load(name)),
            Op::Store(name) => {
                let value = self.pop();
                self.store(name, value);
            }
            Op::StoreAttribute(name) => {
                let (value, object) = (self.pop(), self.pop());
                let Value::Namespace(members) = object else { return Err(Fail::Value("a namespace")) };
                // A namespace within itself could not be dropped.
                if matches!(value, Value::Namespace(_)) {
                    return Err(Fail::Unsupported("a namespace in a namespace"));
                }
                let mut members = members.lock();
                match members.iter_mut().find(|(known, _)| known == name) {
                    Some((_, old)) => *old = value,
                    None => members.push((name.clone(), value)),
                }
            }
            Op::Attribute(name) => {
                let value = self.pop().get(&Value::text(name));
                self.push(value);
            }
            Op::Index => {
                let (key, object) = (self.pop(), self.pop());
                self.push(object.get(&key));
            }
            Op::Slice => {
                let (step, stop, start, object) = (self.pop(), self.pop(), self.pop(), self.pop());
                self.push(slice(&object, &start, &stop, &step)?);
            }
            Op::Binary(op) => {
                let (right, left) = (self.pop(), self.pop());
                self.push(binary(*op, &left, &right)?);
            }
            Op::Not => {
                let value = !self.pop().is_true();
                self.push(Value::Bool(value));
            }
            Op::Negate => {
                let value = match self.pop() {
                    Value::Int(n) => Value::Int(n.wrapping_neg()),
                    Value::Float(x) => Value::Float(-x),
                    _ => return Err(Fail::Value("a number")),
                };
                self.push(value);
            }
            Op::Jump(to) => return Ok(*to),
            Op::JumpIfFalse(to) => {
                if !self.pop().is_true() {
                    return Ok(*to);
                }
            }
            Op::JumpIfFalseElsePop(to) | Op::JumpIfTrueElsePop(to) => {
                let wanted = matches!(op, Op::JumpIfTrueElsePop(_));
                if self.stack.last().is_some_and(|value| value.is_true() == wanted) {
                    return Ok(*to);
                }
                self.pop();
            }
            Op::List(count) => {
                let values = self.stack.split_off(self.stack.len().saturating_sub(*count));
                self.push(Value::list(values).ok_or(Fail::Limit)?);
            }
            Op::Dictionary(count) => {
                let values = self.stack.split_off(self.stack.len().saturating_sub(2 * count));
                let pairs = values.as_chunks::<2>().0.iter().map(|[key, value]| (key.clone(), value.clone()));
                self.push(Value::dictionary(pairs.collect()).ok_or(Fail::Limit)?);
            }
            Op::Call(arguments) => return self.call(arguments, at),
            Op::Method(name, arguments) => {
                let (by_place, named) = self.arguments(arguments);
                let object = self.pop();
                // A namespace or dictionary may hold what is called.
                let held = object.get(&Value::text(name));
                if matches!(held, Value::Macro(_)) {
                    self.push(held);
                    self.stack.extend(by_place);
                    self.stack.extend(named.into_iter().map(|(_, value)| value));
                    return self.call(arguments, at);
                }
                let value = builtin::method(&object, name, &by_place, &named)?;
                self.push(value);
            }
            Op::Filter(name, arguments) => {
                let (by_place, named) = self.arguments(arguments);
                let value = self.pop();
                self.push(builtin::filter(name, &value, &by_place, &named)?);
            }
            Op::Test(name, count) => {
                let arguments = self.stack.split_off(self.stack.len().saturating_sub(*count));
                let value = self.pop();
                self.push(Value::Bool(builtin::test(name, &value, &arguments)?));
            }
            Op::Begin => {
                let elements = self.pop().elements().ok_or(Fail::Value("something to go over"))?;
                self.scopes.push(Scope::new());
                self.loops.push(Loop { elements, at: 0, kept: Vec::new(), scope: self.scopes.len() - 1 });
            }
            Op::Next(names, end) => {
                if !self.next(names)? {
                    return Ok(*end);
                }
            }
            Op::Collect => {
                if self.pop().is_true()
                    && let Some(now) = self.loops.last_mut()
                {
                    let element = now.elements[now.at - 1].clone();
                    now.kept.push(element);
                }
            }
            Op::End(jump) => {
                let ran = self.end_loop().is_some_and(|ended| ended.at > 0);
                if let Some(to) = jump.filter(|_| ran) {
                    return Ok(to);
                }
            }
            Op::EndCollect => {
                let kept = self.end_loop().map(|ended| ended.kept).unwrap_or_default();
                self.push(Value::list(kept).ok_or(Fail::Limit)?);
            }
            Op::Capture => self.outputs.push(String::new()),
            Op::Release => {
                let text = self.outputs.pop().unwrap_or_default();
                self.push(Value::text(&text));
            }
            Op::Return => {
                let text = self.outputs.pop().unwrap_or_default();
                let Some(call) = self.calls.pop() else { return Ok(usize::MAX) };
                self.scopes.truncate(call.scopes);
                self.loops.truncate(call.loops);
                self.base = call.base;
                self.push(Value::text(&text));
                return Ok(call.back);
            }
        }
        Ok(at + 1)
    }

    fn end_loop(&mut self) -> Option<Loop> {
        let ended = self.loops.pop()?;
        self.scopes.truncate(ended.scope);
        Some(ended)
    }

    /// Gives the next element to its names; `false` if there is none.
    fn next(&mut self, names: &[String]) -> Result<bool, Fail> {
        let Some(now) = self.loops.last_mut() else { return Ok(false) };
        let Some(element) = now.elements.get(now.at).cloned() else { return Ok(false) };
        let (at, len) = (now.at, now.elements.len());
        now.at += 1;
        let beside =
            |at: Option<usize>| at.and_then(|at| now.elements.get(at)).cloned().unwrap_or(Value::Undefined);
        let state = [
            ("index", Value::Int(at as i64 + 1)),
            ("index0", Value::Int(at as i64)),
            ("revindex", Value::Int((len - at) as i64)),
            ("revindex0", Value::Int((len - at) as i64 - 1)),
            ("first", Value::Bool(at == 0)),
            ("last", Value::Bool(at + 1 == len)),
            ("length", Value::Int(len as i64)),
            ("previtem", beside(at.checked_sub(1))),
            ("nextitem", beside(Some(at + 1))),
        ];
        let scope = now.scope;
        self.scopes.truncate(scope + 1);
        self.scopes[scope].clear();
        let members = state.into_iter().map(|(name, value)| (Value::text(name), value)).collect();
        let state = Value::dictionary(members).ok_or(Fail::Limit)?;
        self.store("loop", state);
        match names {
            [name] => self.store(name, element),
            names => {
                let parts = element.elements().filter(|parts| parts.len() == names.len());
                let parts = parts.ok_or(Fail::Value("as many parts as there are names"))?;
                for (name, part) in names.iter().zip(parts) {
                    self.store(name, part);
                }
            }
        }
        Ok(true)
    }

    fn call(&mut self, arguments: &Arguments, at: usize) -> Result<usize, Fail> {
        let (by_place, named) = self.arguments(arguments);
        match self.pop() {
            Value::Macro(index) => {
                if self.calls.len() >= TEMPLATE_DEPTH_MAX {
                    return Err(Fail::Unsupported("a macro that calls itself so often"));
                }
                let called = &self.template.macros[index];
                if by_place.len() > called.parameters.len() {
                    return Err(Fail::Value("as many arguments as the macro has"));
                }
                let mut scope = Scope::new();
                for (nth, (name, default)) in called.parameters.iter().enumerate() {
                    let given =
                        by_place.get(nth).or(named.iter().find(|(n, _)| n == name).map(|(_, value)| value));
                    let value = given.or(default.as_ref()).cloned().unwrap_or(Value::Undefined);
                    scope.push((name.clone(), value));
                }
                self.calls.push(Call {
                    back: at + 1,
                    base: self.base,
                    scopes: self.scopes.len(),
                    loops: self.loops.len(),
                });
                self.base = self.scopes.len();
                self.scopes.push(scope);
                self.outputs.push(String::new());
                Ok(called.body)
            }
            Value::Function("namespace") => {
                if named.iter().any(|(_, value)| matches!(value, Value::Namespace(_))) {
                    return Err(Fail::Unsupported("a namespace in a namespace"));
                }
                self.push(Value::Namespace(Arc::new(SpinMutex::new(named))));
                Ok(at + 1)
            }
            Value::Function(name) => {
                let value = builtin::function(name, &by_place, &named, self.now)?;
                self.push(value);
                Ok(at + 1)
            }
            _ => Err(Fail::Value("something that can be called")),
        }
    }
}

fn slice(object: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Fail> {
    let elements = match object {
        Value::Text(_) | Value::List(..) => object.elements().unwrap_or_default(),
        _ => return Err(Fail::Value("a list or a text")),
    };
    let len = elements.len() as i64;
    let step = match step {
        Value::None => 1,
        step => step.as_int().filter(|&step| step != 0).ok_or(Fail::Value("a step that is not 0"))?,
    };
    let bound = |value: &Value, default: i64| -> Result<i64, Fail> {
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        match value {
            Value::None => Ok(default),
            value => {
                let at = value.as_int().ok_or(Fail::Value("a whole number"))?;
                Ok((if at < 0 { at.saturating_add(len) } else { at }).clamp(low, high))
            }
        }
    };
    let (begin, end) = if step > 0 {
        (bound(start, 0)?, bound(stop, len)?)
    } else {
        (bound(start, len - 1)?, bound(stop, -1)?)
    };
    let (mut at, mut taken) = (begin, Vec::new());
    while if step > 0 { at < end } else { at > end } {
        taken.extend(place(at, elements.len()).map(|at| elements[at].clone()));
        at = at.saturating_add(step);
    }
    if matches!(object, Value::List(..)) {
        return Value::list(taken).ok_or(Fail::Limit);
    }
    let mut text = String::new();
    taken.iter().for_each(|part| part.print(&mut text));
    Ok(Value::text(&text))
}

fn binary(op: Binary, left: &Value, right: &Value) -> Result<Value, Fail> {
    use core::cmp::Ordering;
    let order = |wanted: fn(Ordering) -> bool| {
        left.compare(right)
            .map(|order| Value::Bool(wanted(order)))
            .ok_or(Fail::Value("values that can be compared"))
    };
    match op {
        Binary::Equal => Ok(Value::Bool(left.equals(right))),
        Binary::NotEqual => Ok(Value::Bool(!left.equals(right))),
        Binary::Less => order(Ordering::is_lt),
        Binary::LessEqual => order(Ordering::is_le),
        Binary::Greater => order(Ordering::is_gt),
        Binary::GreaterEqual => order(Ordering::is_ge),
        Binary::In => builtin::contains(right, left).map(Value::Bool),
        Binary::NotIn => builtin::contains(right, left).map(|found| Value::Bool(!found)),
        Binary::Concat => {
            let mut text = String::new();
            left.print(&mut text);
            right.print(&mut text);
            limited(&text)
        }
        Binary::Add => match (left, right) {
            (Value::Text(a), Value::Text(b)) => {
                let mut text = String::from(&**a);
                text.push_str(b);
                limited(&text)
            }
            (Value::List(a, _), Value::List(b, _)) => {
                Value::list(a.iter().chain(b.iter()).cloned().collect()).ok_or(Fail::Limit)
            }
            _ => arithmetic(op, left, right),
        },
        Binary::Multiply if left.as_text().is_some() => {
            let text = left.as_text().unwrap_or_default();
            let count = usize::try_from(right.as_int().ok_or(Fail::Value("a whole number"))?).unwrap_or(0);
            if text.len().saturating_mul(count) > TEMPLATE_OUTPUT_MAX {
                return Err(Fail::Limit);
            }
            Ok(Value::text(&text.repeat(count)))
        }
        _ => arithmetic(op, left, right),
    }
}

fn limited(text: &str) -> Result<Value, Fail> {
    if text.len() > TEMPLATE_OUTPUT_MAX { Err(Fail::Limit) } else { Ok(Value::text(text)) }
}

fn arithmetic(op: Binary, left: &Value, right: &Value) -> Result<Value, Fail> {
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        let whole = match op {
            Binary::Add => a.checked_add(b),
            Binary::Subtract => a.checked_sub(b),
            Binary::Multiply => a.checked_mul(b),
            Binary::FloorDivide if b != 0 => {
                a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q })
            }
            Binary::Modulo if b != 0 => {
                a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r })
            }
            Binary::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            _ => None,
        };
        if let Some(whole) = whole {
            return Ok(Value::Int(whole));
        }
    }
    let numbers = left.as_number().zip(right.as_number());
    let (a, b) = numbers.ok_or(Fail::Value("two numbers, two texts or two lists"))?;
    if b == 0.0 && matches!(op, Binary::Divide | Binary::FloorDivide | Binary::Modulo) {
        return Err(Fail::Value("a divisor that is not 0"));
    }
    Ok(Value::Float(match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::FloorDivide => libm::floor(a / b),
        Binary::Modulo => a - b * libm::floor(a / b),
        _ => libm::pow(a, b),
    }))
}
