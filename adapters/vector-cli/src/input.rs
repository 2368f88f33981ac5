//! Files of vectors and indexes, as verbs take them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dolmen_fs::Map;
use dolmen_hnsw::Level;
use dolmen_hnsw::file::Mapped;
use dolmen_hnsw::metric::{Form, Options, Vector};
use dolmen_hnsw::vectors::{Element, Layout, Matrix};

/// A file, mapped.
pub fn map(path: &Path) -> Result<Map> {
    Map::open(path).with_context(|| path.display().to_string())
}

/// The rows of a file of vectors. `dim`: values of a row, for files that do not say.
pub fn matrix<'a>(path: &Path, bytes: &'a [u8], dim: Option<usize>) -> Result<Matrix<'a>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let Some(layout) = Layout::by_extension(extension) else {
        bail!(
            "{}: expected a name that ends in .f32, .fvecs, .bvecs, .npy, .fbin, .u8bin, .i8bin, .i8 or .u8",
            path.display()
        );
    };
    if matches!(layout, Layout::Raw(_)) && dim.is_none() {
        bail!("{}: such a file does not say how long a row is; give it with --dim", path.display());
    }
    let empty = bytes == [0] && !matches!(layout, Layout::Npy);
    let bytes = if empty { &[] } else { bytes };
    Matrix::parse(bytes, layout, dim).with_context(|| path.display().to_string())
}

/// Rows of a file as an index of these parameters takes them.
pub struct Rows<'a> {
    matrix: Matrix<'a>,
    form: Form,
    floats: Vec<Vec<f32>>,
}

impl<'a> Rows<'a> {
    /// All rows, converted where the form wants another type.
    pub fn new(matrix: Matrix<'a>, form: Form) -> Result<Self> {
        let wanted = match form {
            Form::Binary => Element::U8,
            Form::I8 => Element::I8,
            _ => Element::F32,
        };
        if wanted != Element::F32 && matrix.element() != wanted {
            bail!("an index of the form {form} takes rows of {wanted:?}, not of {:?}", matrix.element());
        }
        let mut floats = Vec::new();
        if wanted == Element::F32 {
            floats.resize(matrix.rows(), Vec::new());
            floats.iter_mut().enumerate().for_each(|(row, to)| matrix.f32_row(row, to));
        }
        Ok(Rows { matrix, form, floats })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.matrix.rows()
    }

    /// One of them.
    pub fn get(&self, row: usize) -> Vector<'_> {
        match self.form {
            Form::Binary => Vector::Bits(self.matrix.bytes(row)),
            Form::I8 => Vector::I8(bytemuck::cast_slice(self.matrix.bytes(row))),
            _ => Vector::F32(self.floats.get(row).map_or(&[], Vec::as_slice)),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Vector<'_>> {
        (0..self.len()).map(|row| self.get(row)).collect()
    }
}

/// Values of a row in a file of queries.
pub fn row_len(options: &Options) -> usize {
    if options.form == Form::Binary { options.dim.div_ceil(8) } else { options.dim }
}

/// Queries for an index.
pub fn queries<'a>(path: &Path, bytes: &'a [u8], options: &Options) -> Result<Rows<'a>> {
    let matrix = matrix(path, bytes, Some(row_len(options)))?;
    Rows::new(matrix, options.form).with_context(|| path.display().to_string())
}

/// An index file that is mapped.
pub struct Opened {
    path: PathBuf,
    map: Map,
    /// Read into memory as a whole.
    loaded: bool,
}

impl Opened {
    /// Maps it.
    pub fn new(path: &Path) -> Result<Self> {
        Ok(Opened { path: path.to_owned(), map: map(path)?, loaded: false })
    }

    /// For this many searches: read into memory, in large pages, where they would read more of it than there is; else mapped. Walks jump about, and
    /// most of what a jump costs is the look-up of a small page.
    pub fn for_searches(path: &Path, searches: usize) -> Result<Self> {
        let len = fs::metadata(path).with_context(|| path.display().to_string())?.len();
        if len > memory() / 2 || (searches as u64).saturating_mul(SEARCH_BYTES) < len {
            return Opened::new(path);
        }
        let map = Map::load(path).with_context(|| path.display().to_string())?;
        Ok(Opened { path: path.to_owned(), map, loaded: true })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Opens it to search in. What was read as a whole is checked as a whole.
    pub fn open(&self) -> Result<Mapped<'_>> {
        let mut mapped = Mapped::open(Level::best(), &self.map).map_err(|error| {
            let hint = if self.map.starts_with(&dolmen_hnsw::file::MAGIC) {
                ""
            } else {
                "; if another library wrote it, use `dolmen vector convert` first"
            };
            anyhow::anyhow!("{}: {error}{hint}", self.path.display())
        })?;
        if self.loaded {
            mapped.check_blocks();
        }
        Ok(mapped)
    }

    /// Its name in front of an error.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// What a search reads, about: a few hundred vectors and lists.
const SEARCH_BYTES: u64 = 256 << 10;

/// Bytes of memory that this machine could give out now; 0 where nobody says.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib << 10)
}

/// Writes a file so that it is there whole or not at all, and stays.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let name =
        path.file_name().with_context(|| format!("{}: expected the name of a file", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = folder.join(format!(".{}.new", name.to_string_lossy()));
    let result = (|| -> Result<()> {
        let mut file = std::io::BufWriter::with_capacity(1 << 20, fs::File::create(&new)?);
        write(&mut file)?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    })();
    if result.is_err() {
        let _ = fs::remove_file(&new);
    }
    result.with_context(|| path.display().to_string())
}
