"""Uploads a file with tuspy (Debian: python3-tuspy; PyPI: tuspy): python3 python/upload.py <file>"""

import os
import sys

from tusclient import client

url = os.environ.get("PAWL_URL", "http://127.0.0.1:8080")
key = os.environ["PAWL_KEY"]  # the anon key that `npm start` prints, or a user's token
path = sys.argv[1] if len(sys.argv) > 1 else "package.json"
name = os.path.basename(path)

tus = client.TusClient(
    f"{url}/storage/v1/upload/resumable",
    headers={"Authorization": f"Bearer {key}", "x-upsert": "true"},
)
uploader = tus.uploader(
    path,
    chunk_size=6 * 1024 * 1024,
    metadata={
        "bucketName": "photos",
        "objectName": name,
        "contentType": "application/octet-stream",
        "cacheControl": "3600",
    },
)
uploader.upload()
print(f"uploaded: {url}/storage/v1/object/public/photos/{name}")
