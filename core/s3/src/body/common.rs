//! What several documents share.

use alloc::string::String;
use alloc::vec::Vec;

use crate::checksum::{Algorithm, Checksum, ChecksumType, ObjectChecksum};
use crate::etag::ETag;
use crate::limits::TAG_KEY_CHARS_MAX;
use crate::xml::{Field, Reader, Value, Writer, XmlError, enums, shapes};

shapes! {
    /// An account, by its canonical id.
    Owner {
        display_name: Option<String> = "DisplayName",
        id: Option<String> = "ID",
    }
    /// A tag.
    Tag {
        key: String = "Key",
        value: String = "Value",
    }
    /// Tags.
    TagSet {
        tags: Vec<Tag> = "Tag",
    }
}

enums! {
    /// The enumeration `Status`.
    Status { Enabled = "Enabled", Disabled = "Disabled" }
    /// The enumeration `StorageClass`.
    StorageClass { Standard = "STANDARD", ReducedRedundancy = "REDUCED_REDUNDANCY", StandardIa = "STANDARD_IA", OnezoneIa = "ONEZONE_IA", IntelligentTiering = "INTELLIGENT_TIERING", Glacier = "GLACIER", DeepArchive = "DEEP_ARCHIVE", Outposts = "OUTPOSTS", GlacierIr = "GLACIER_IR", Snow = "SNOW", ExpressOnezone = "EXPRESS_ONEZONE", FsxOpenzfs = "FSX_OPENZFS", FsxOntap = "FSX_ONTAP", AwsBackupWarm = "AWS_BACKUP_WARM", AwsBackupLowCostWarm = "AWS_BACKUP_LOW_COST_WARM" }
}

/// A tag that a filter asks for: its key has 1 to 128 characters. Where tags are put, [`crate::state::tagging`] says what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterTag {
    /// `Key`
    pub key: String,
    /// `Value`
    pub value: String,
}

impl Value for FilterTag {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let Tag { key, value } = Tag::read(xml)?;
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return Err(XmlError::Value { at: xml.offset() });
        }
        Ok(FilterTag { key, value })
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        Tag { key: self.key.clone(), value: self.value.clone() }.write(name, xml);
    }
}

/// A part of a document that nothing here is made of. What it says is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread;

impl Value for Unread {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        xml.skip()?;
        Ok(Unread)
    }

    fn write(&self, _name: &str, _xml: &mut Writer<'_>) {}
}

/// Who gets a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// An account.
    User {
        /// Its canonical id.
        id: String,
        /// Its name, for people.
        display_name: Option<String>,
    },
    /// An account, by the address of its mail.
    Email(String),
    /// A group, by its URI.
    Group(String),
}

impl Default for Grantee {
    fn default() -> Self {
        Grantee::User { id: String::new(), display_name: None }
    }
}

/// A grantee's members, whatever its type is.
#[derive(Default)]
struct GranteeMembers {
    display_name: Option<String>,
    email: Option<String>,
    id: Option<String>,
    uri: Option<String>,
}

impl Value for Grantee {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let kind = xml.attribute("type")?.ok_or(XmlError::Missing { element: "xsi:type" })?;
        let mut found = GranteeMembers::default();
        while let Some(name) = xml.child()? {
            let (slot, element) = match name {
                "DisplayName" => (&mut found.display_name, "DisplayName"),
                "EmailAddress" => (&mut found.email, "EmailAddress"),
                "ID" => (&mut found.id, "ID"),
                "URI" => (&mut found.uri, "URI"),
                _ => {
                    xml.unknown()?;
                    continue;
                }
            };
            <Option<String> as Field>::take(slot, element, name, xml)?;
        }
        let need = |member: Option<String>, element| member.ok_or(XmlError::Missing { element });
        match kind.trim() {
            "CanonicalUser" => Ok(Self::User { id: need(found.id, "ID")?, display_name: found.display_name }),
            "AmazonCustomerByEmail" => need(found.email, "EmailAddress").map(Self::Email),
            "Group" => need(found.uri, "URI").map(Self::Group),
            _ => Err(XmlError::Value { at: xml.offset() }),
        }
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        let kind = match self {
            Self::User { .. } => "CanonicalUser",
            Self::Email(_) => "AmazonCustomerByEmail",
            Self::Group(_) => "Group",
        };
        xml.open_with(
            name,
            &[("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"), ("xsi:type", kind)],
        );
        match self {
            Self::User { id, display_name } => {
                display_name.put("DisplayName", xml);
                xml.text("ID", id);
            }
            Self::Email(address) => xml.text("EmailAddress", address),
            Self::Group(uri) => xml.text("URI", uri),
        }
        xml.close(name);
    }
}

/// The elements `ChecksumCRC32` to `ChecksumXXHASH128` of a structure: mostly none or one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums(pub Vec<(Algorithm, String)>);

impl Checksums {
    /// Of one value as it is written in headers.
    pub fn of(algorithm: Algorithm, text: &str) -> Self {
        Checksums(alloc::vec![(algorithm, text.into())])
    }

    /// Of an object's checksum.
    pub fn of_object(checksum: &ObjectChecksum) -> Self {
        Self::of(checksum.checksum.algorithm(), &checksum.text())
    }

    /// The text of an algorithm's value.
    pub fn get(&self, algorithm: Algorithm) -> Option<&str> {
        self.0.iter().find(|entry| entry.0 == algorithm).map(|entry| entry.1.as_str())
    }
}

impl From<Checksum> for Checksums {
    fn from(checksum: Checksum) -> Self {
        Self::of(checksum.algorithm(), &checksum.base64())
    }
}

fn algorithm_of(name: &str) -> Option<Algorithm> {
    let name = name.strip_prefix("Checksum")?;
    Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
}

impl Field for Checksums {
    type Slot = Checksums;

    fn accepts(_element: &str, name: &str) -> bool {
        algorithm_of(name).is_some()
    }

    fn take(
        slot: &mut Checksums,
        element: &'static str,
        name: &str,
        xml: &mut Reader<'_>,
    ) -> Result<(), XmlError> {
        let algorithm = algorithm_of(name).ok_or(XmlError::Unknown { at: xml.offset() })?;
        if slot.get(algorithm).is_some() {
            return Err(XmlError::Duplicate { element });
        }
        slot.0.push((algorithm, xml.text()?.into_owned()));
        Ok(())
    }

    fn finish(slot: Checksums, _element: &'static str) -> Result<Checksums, XmlError> {
        Ok(slot)
    }

    fn put(&self, _element: &str, xml: &mut Writer<'_>) {
        for (algorithm, text) in &self.0 {
            xml.text(&alloc::format!("Checksum{}", algorithm.name()), text);
        }
    }
}

impl Value for ETag {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        Ok(ETag::parse(xml.text()?.trim()))
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.display(name, self.quoted());
    }
}

impl Value for Algorithm {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let text = xml.text()?;
        Algorithm::from_name(text.trim()).map_err(|_| XmlError::Value { at: xml.offset() })
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.text(name, self.name());
    }
}

impl Value for ChecksumType {
    fn read(xml: &mut Reader<'_>) -> Result<Self, XmlError> {
        let text = xml.text()?;
        ChecksumType::from_name(text.trim()).ok_or(XmlError::Value { at: xml.offset() })
    }

    fn write(&self, name: &str, xml: &mut Writer<'_>) {
        xml.text(name, self.name());
    }
}
