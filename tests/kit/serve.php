<?php
// The pages of a project with the kit in it: php -S 127.0.0.1:8001 serve.php, with the variables of project.php.
namespace App;

use Symfony\Component\HttpFoundation\Request;

require __DIR__.'/project.php';
require __DIR__.'/pages.php';
$kernel = new Kernel('prod', false);
$request = Request::createFromGlobals();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
