//! Which way out a conversation is.

use crate::model::observation::{Key, Seen};
use crate::model::rule::Route;
use crate::model::whose::below;

/// Domains of storage and file-sharing services, with what is below them.
const STORAGE: &[&str] = &[
    "1drv.com",
    "anonfiles.com",
    "backblazeb2.com",
    "blob.core.windows.net",
    "box.com",
    "catbox.moe",
    "digitaloceanspaces.com",
    "drive.google.com",
    "dropbox.com",
    "dropboxapi.com",
    "file.io",
    "gofile.io",
    "mediafire.com",
    "mega.co.nz",
    "mega.io",
    "mega.nz",
    "onedrive.live.com",
    "pcloud.com",
    "pixeldrain.com",
    "sharepoint.com",
    "storage.googleapis.com",
    "sync.com",
    "temp.sh",
    "transfer.sh",
    "wasabisys.com",
    "wetransfer.com",
];

/// Words that, as a part of a label between hyphens or dots, say that a name is an object store.
const STORAGE_WORDS: &[&str] = &["s3", "blob", "storage", "drive", "filetransfer", "fileshare", "objects"];

/// Whether a name is a storage or file-sharing service.
pub fn is_storage(name: &str) -> bool {
    STORAGE.iter().any(|known| below(name, known)) || name.split(['.', '-']).any(|word| STORAGE_WORDS.contains(&word))
}

/// The route of bytes that an inside client sent out, to a server of this name.
pub fn outward(key: &Key<'_>, name: &str) -> Route {
    match key.port {
        _ if key.seen == Seen::Dns => Route::DnsTunnel,
        _ if is_storage(name) => Route::CloudStorage,
        20..=22 => Route::SftpFtp,
        25 | 465 | 587 => Route::Email,
        445 => Route::Smb,
        80 | 443 | 8080 | 8443 => Route::HttpsUpload,
        _ if matches!(key.seen, Seen::Proxy | Seen::Web) => Route::HttpsUpload,
        _ if key.seen.is_of_files() => Route::SftpFtp,
        _ if key.seen == Seen::Mail => Route::Email,
        _ => Route::Network,
    }
}

/// The route of bytes that an outside client was served.
pub fn served(key: &Key<'_>) -> Route {
    match (key.seen, key.port) {
        (Seen::Web | Seen::Proxy, _) | (_, 80 | 443 | 8080 | 8443) => Route::WebResponse,
        (Seen::Cloud, _) => Route::SaasDownload,
        (Seen::FileTransfer | Seen::FileServer, _) | (_, 20..=22) => Route::SftpFtp,
        (_, 445) => Route::Smb,
        _ => Route::Network,
    }
}

/// The routes that a kind of observer can show.
pub fn observed(seen: Seen) -> &'static [Route] {
    match seen {
        Seen::Web => &[Route::WebResponse],
        Seen::Proxy => &[Route::HttpsUpload, Route::CloudStorage],
        Seen::Flow | Seen::Firewall => {
            &[Route::HttpsUpload, Route::CloudStorage, Route::SftpFtp, Route::Email, Route::Smb, Route::Network]
        }
        Seen::Dns => &[Route::DnsTunnel],
        Seen::Cloud => &[Route::SaasDownload],
        Seen::Mail => &[Route::Email],
        Seen::FileTransfer | Seen::FileServer => &[Route::SftpFtp],
    }
}
