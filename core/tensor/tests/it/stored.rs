//! Stored forms: there and back, against gguf-py's and ggml's bytes.

use dolmen_simd::quant::Format;
use dolmen_tensor::Level;
use dolmen_tensor::store::{Form, StoreError};

use crate::common::{difference, folder, read};

const FORMS: [(&str, Form, f32); 7] = [
    ("F16", Form::F16, 5e-4),
    ("BF16", Form::Bf16, 4e-3),
    ("ggml.Q8_0", Form::Blocks(Format::Q8_0), 5e-3),
    ("ggml.Q4_0", Form::Blocks(Format::Q4_0), 0.13),
    ("ggml.Q5_0", Form::Blocks(Format::Q5_0), 7e-2),
    ("ggml.Q4_K", Form::Blocks(Format::Q4K), 8e-2),
    ("ggml.Q6_K", Form::Blocks(Format::Q6K), 2e-2),
];

#[test]
fn bytes_and_values_are_those_of_ggml() {
    let Some(folder) = folder("stored forms") else { return };
    let file = read(&folder.join("quants.safetensors"));
    let x = &file["x"].floats;
    for (name, form, _) in FORMS {
        let row = form.row_bytes(512).unwrap();
        let mut bytes = vec![0; 8 * row];
        form.write(Level::best(), x, 512, &mut bytes).unwrap();
        let wanted: Vec<u8> = file[&format!("{name}.bytes")].numbers.iter().map(|byte| *byte as u8).collect();
        assert!(bytes == wanted, "{name}: bytes differ");
        let mut back = vec![0.0; x.len()];
        form.read(Level::best(), &bytes, 512, &mut back).unwrap();
        assert!(back == file[&format!("{name}.deq")].floats, "{name}: values differ");
    }
}

#[test]
fn what_comes_back_is_near() {
    let x: Vec<f32> = (0..2048).map(|at| ((at * 7919 % 1009) as f32 - 504.0) / 504.0).collect();
    for level in Level::available() {
        for (name, form, bound) in FORMS.into_iter().chain([("I8", Form::I8, 5e-3), ("F32", Form::F32, 1e-9)])
        {
            let mut bytes = vec![0; 4 * form.row_bytes(512).unwrap()];
            form.write(level, &x, 512, &mut bytes).unwrap();
            let mut back = vec![0.0; x.len()];
            form.read(level, &bytes, 512, &mut back).unwrap();
            let error = difference(&back, &x);
            assert!(error < bound, "{name}, {level}: {error}");
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_errors() {
    let form = Form::Blocks(Format::Q4K);
    assert_eq!(form.row_bytes(100).unwrap_err(), StoreError::Row { width: 100 });
    assert_eq!(Form::F16.row_bytes(0).unwrap_err(), StoreError::Row { width: 0 });
    let error = Form::I8.write(Level::best(), &[0.0; 6], 3, &mut [0; 13]).unwrap_err();
    assert_eq!(error, StoreError::Length { found: 13, wanted: 14 });
    let error = Form::F32.read(Level::best(), &[0; 8], 3, &mut [0.0; 4]).unwrap_err();
    assert_eq!(error, StoreError::Length { found: 4, wanted: 6 });
}

#[test]
fn rows_of_nothing_and_of_no_numbers_are_stored() {
    let (mut bytes, mut back) = ([0; 14], [1.0; 6]);
    let x = [0.0, 0.0, 0.0, f32::NAN, 2.0, -2.0];
    Form::I8.write(Level::best(), &x, 3, &mut bytes).unwrap();
    Form::I8.read(Level::best(), &bytes, 3, &mut back).unwrap();
    assert_eq!(back, [0.0, 0.0, 0.0, 0.0, 2.0, -2.0]);
}
