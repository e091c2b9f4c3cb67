//! Rows as Parquet: UTF-8 text, `decimal(38, 18)`, timestamps in microseconds of UTC; every column may be null.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::{COLUMNS, Cell, Kind};

/// Rows of a group: what is kept in memory before it is written.
const GROUP: usize = 4_096;

/// A writer of Parquet.
pub(crate) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<Vec<Cell>>,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(crate) fn begin(to: W) -> Result<Self, ParquetError> {
        let fields = COLUMNS.iter().map(|column| field(column.name, column.kind));
        let schema = Type::group_type_builder("focus")
            .with_fields(fields.collect::<Result<_, _>>()?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("moegate ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?,
            rows: Vec::with_capacity(GROUP),
        })
    }

    pub(crate) fn write(&mut self, cells: Vec<Cell>) -> Result<(), ParquetError> {
        self.rows.push(cells);
        if self.rows.len() < GROUP {
            return Ok(());
        }
        self.flush()
    }

    pub(crate) fn finish(mut self) -> Result<W, ParquetError> {
        self.flush()?;
        self.writer.into_inner()
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (at, column) in COLUMNS.iter().enumerate() {
            let cells = self
                .rows
                .iter()
                .map(|row| row.get(at).unwrap_or(&Cell::Null));
            match column.kind {
                Kind::Text => texts(&mut group, cells)?,
                Kind::Number => numbers(&mut group, cells)?,
                Kind::Time => times(&mut group, cells)?,
            }
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

fn field(name: &str, kind: Kind) -> Result<Arc<Type>, ParquetError> {
    let build = |physical| {
        Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL)
    };
    let field = match kind {
        Kind::Text => build(Physical::BYTE_ARRAY).with_logical_type(Some(LogicalType::String)),
        Kind::Number => build(Physical::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_precision(38)
            .with_scale(18)
            .with_logical_type(Some(LogicalType::Decimal {
                scale: 18,
                precision: 38,
            })),
        Kind::Time => build(Physical::INT64).with_logical_type(Some(LogicalType::Timestamp {
            is_adjusted_to_u_t_c: true,
            unit: TimeUnit::MICROS,
        })),
    };
    field.build().map(Arc::new)
}

type Group<'a, W> = SerializedRowGroupWriter<'a, W>;

fn texts<'c, W: Write + Send>(
    group: &mut Group<'_, W>,
    cells: impl Iterator<Item = &'c Cell>,
) -> Result<(), ParquetError> {
    let (values, levels) = split(cells, |cell| match cell {
        Cell::Text(text) => Some(ByteArray::from(text.as_str())),
        _ => None,
    });
    column::<ByteArrayType, W>(group, &values, &levels)
}

fn numbers<'c, W: Write + Send>(
    group: &mut Group<'_, W>,
    cells: impl Iterator<Item = &'c Cell>,
) -> Result<(), ParquetError> {
    let (values, levels) = split(cells, |cell| match cell {
        Cell::Number(number) => {
            let bytes = number.units().to_be_bytes().to_vec();
            Some(FixedLenByteArray::from(bytes))
        }
        _ => None,
    });
    column::<FixedLenByteArrayType, W>(group, &values, &levels)
}

fn times<'c, W: Write + Send>(
    group: &mut Group<'_, W>,
    cells: impl Iterator<Item = &'c Cell>,
) -> Result<(), ParquetError> {
    let (values, levels) = split(cells, |cell| match cell {
        Cell::Time(at) => Some(at.unix_nanos().div_euclid(1_000)),
        _ => None,
    });
    column::<Int64Type, W>(group, &values, &levels)
}

/// The values that are there, and for each cell whether it is.
fn split<'c, T>(
    cells: impl Iterator<Item = &'c Cell>,
    value: impl Fn(&Cell) -> Option<T>,
) -> (Vec<T>, Vec<i16>) {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        let found = value(cell);
        levels.push(i16::from(found.is_some()));
        values.extend(found);
    }
    (values, levels)
}

fn column<T: parquet::data_type::DataType, W: Write + Send>(
    group: &mut Group<'_, W>,
    values: &[T::T],
    levels: &[i16],
) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("a column too many".to_owned()));
    };
    writer
        .typed::<T>()
        .write_batch(values, Some(levels), None)?;
    writer.close()
}
