//! Charges into a file that is whole or absent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ledger::Charge;
use units::{Bucket, Pico};

use crate::csv_file::CsvFile;
use crate::line::Line;
use crate::parquet_file::ParquetFile;
use crate::{COLUMNS, Cell, Decimal, FocusError, Issuer};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What an export holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// Lines of the ledger behind them.
    pub lines: u64,
    /// Lines without an amount: what they cost is in no row.
    pub unknown: u64,
    /// What all rows cost, by currency.
    pub billed: BTreeMap<String, Pico>,
}

enum Sink {
    Csv(Box<CsvFile<BufWriter<File>>>),
    Parquet(Box<ParquetFile<BufWriter<File>>>),
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Csv(_) => "Csv",
            Self::Parquet(_) => "Parquet",
        })
    }
}

/// An export under way. Charges of one period are kept until the next begins, since a share needs its whole; dropped
/// before [`Export::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Export {
    out: PathBuf,
    draft: PathBuf,
    issuer: Issuer,
    sink: Option<Sink>,
    period: Option<Bucket>,
    charges: Vec<Charge>,
    summary: Summary,
}

impl Export {
    /// Begins a draft beside `out`.
    ///
    /// # Errors
    /// `Io` where it cannot be written.
    pub fn begin(out: &Path, format: Format, issuer: Issuer) -> Result<Self, FocusError> {
        let mut draft = out.as_os_str().to_owned();
        draft.push(format!(".{}.part", std::process::id()));
        let draft = PathBuf::from(draft);
        let io = |source| FocusError::Io {
            path: draft.clone(),
            source,
        };
        let file = BufWriter::new(File::create(&draft).map_err(io)?);
        let mut export = Self {
            out: out.to_path_buf(),
            draft: draft.clone(),
            issuer,
            sink: None,
            period: None,
            charges: Vec::new(),
            summary: Summary::default(),
        };
        export.sink = Some(match format {
            Format::Csv => Sink::Csv(Box::new(
                CsvFile::begin(file).map_err(|why| export.csv(why))?,
            )),
            Format::Parquet => {
                let begun = ParquetFile::begin(file).map_err(|why| export.parquet(why))?;
                Sink::Parquet(Box::new(begun))
            }
        });
        Ok(export)
    }

    /// Takes a charge; they come by time.
    ///
    /// # Errors
    /// `Order` where they do not, `Range` for absurd numbers, `Io` and `Parquet` where nothing can be written.
    pub fn take(&mut self, charge: Charge) -> Result<(), FocusError> {
        if self.period.is_some_and(|period| charge.from < period) {
            return Err(FocusError::Order(crate::csv_file::instant(
                charge.from.start(),
            )));
        }
        if self.period != Some(charge.from) {
            self.flush()?;
            self.period = Some(charge.from);
        }
        self.charges.push(charge);
        Ok(())
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// `Io` and `Parquet` where nothing can be written: the file that was there before stays.
    pub fn finish(mut self) -> Result<Summary, FocusError> {
        self.flush()?;
        let mut file = match self.sink.take() {
            Some(Sink::Csv(sink)) => sink.finish().map_err(|why| self.io(why))?,
            Some(Sink::Parquet(sink)) => sink.finish().map_err(|why| self.parquet(why))?,
            None => return Ok(Summary::default()),
        };
        let written = file.flush().and_then(|()| file.get_ref().sync_all());
        written.map_err(|why| self.io(why))?;
        std::fs::rename(&self.draft, &self.out).map_err(|why| self.io(why))?;
        Ok(std::mem::take(&mut self.summary))
    }

    /// Writes the charges of a period.
    fn flush(&mut self) -> Result<(), FocusError> {
        let charges = std::mem::take(&mut self.charges);
        for (charge, share) in charges.iter().zip(shares(&charges)?) {
            let line = Line::new(charge, &self.issuer, share)?;
            let cells: Vec<Cell> = COLUMNS.iter().map(|column| (column.value)(&line)).collect();
            let currency = line.currency().to_owned();
            let range = || FocusError::Range(charge.amount.to_string());
            let sum = self.summary.billed.entry(currency).or_default();
            *sum = sum.checked_add(charge.amount).map_err(|_| range())?;
            self.summary.rows += 1;
            self.summary.lines += charge.lines;
            self.summary.unknown += charge.unknown;
            let written = match &mut self.sink {
                Some(Sink::Csv(sink)) => sink.write(&cells).map_err(Fault::Csv),
                Some(Sink::Parquet(sink)) => sink.write(cells).map_err(Fault::Parquet),
                None => Ok(()),
            };
            written.map_err(|fault| match fault {
                Fault::Csv(why) => self.csv(why),
                Fault::Parquet(why) => self.parquet(why),
            })?;
        }
        Ok(())
    }

    fn io(&self, source: std::io::Error) -> FocusError {
        FocusError::Io {
            path: self.out.clone(),
            source,
        }
    }

    fn csv(&self, why: csv::Error) -> FocusError {
        self.io(why.into())
    }

    fn parquet(&self, source: parquet::errors::ParquetError) -> FocusError {
        FocusError::Parquet {
            path: self.out.clone(),
            source,
        }
    }
}

enum Fault {
    Csv(csv::Error),
    Parquet(parquet::errors::ParquetError),
}

impl Drop for Export {
    fn drop(&mut self) {
        let _renamed_already = std::fs::remove_file(&self.draft);
    }
}

/// Which share of its host's bill each charge of a period is. A host's shares sum to 1: the largest takes what rounding
/// leaves over.
fn shares(charges: &[Charge]) -> Result<Vec<Option<Decimal>>, FocusError> {
    let range = |charge: &Charge| FocusError::Range(charge.amount.to_string());
    let mut bills: BTreeMap<&str, (Pico, Decimal, usize)> = BTreeMap::new();
    for (at, charge) in charges.iter().enumerate() {
        let Some(host) = splits(charge) else { continue };
        let bill = bills.entry(host).or_insert((Pico::ZERO, Decimal::ZERO, at));
        bill.0 = bill
            .0
            .checked_add(charge.amount)
            .map_err(|_| range(charge))?;
        if charges
            .get(bill.2)
            .is_some_and(|largest| charge.amount > largest.amount)
        {
            bill.2 = at;
        }
    }
    let mut shares = Vec::with_capacity(charges.len());
    for charge in charges {
        let share = match splits(charge).and_then(|host| bills.get_mut(host)) {
            Some((whole, sum, _)) if *whole > Pico::ZERO => {
                let share = Decimal::share(charge.amount, *whole);
                let share = share.ok_or_else(|| range(charge))?;
                *sum = sum.checked_add(share).ok_or_else(|| range(charge))?;
                Some(share)
            }
            _ => None,
        };
        shares.push(share);
    }
    for (_, sum, largest) in bills.values() {
        if let Some(Some(share)) = shares.get_mut(*largest) {
            let left = Decimal::ONE.checked_sub(*sum).unwrap_or_default();
            *share = share.checked_add(left).unwrap_or(*share);
        }
    }
    Ok(shares)
}

/// The pool whose bill a charge is a part of.
fn splits(charge: &Charge) -> Option<&str> {
    use ledger::Method;
    let split = matches!(
        charge.method,
        Method::DeviceShare1 | Method::IdleProportional1
    );
    charge.host.as_deref().filter(|_| split)
}
